"""Redis forgets, holds rubbish, dies and comes back: it is only an index."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio

from service.embedded import Servers, temporary_servers
from service.embedded.databases import fresh_database
from tests.e2e.client import Client, Crowd
from tests.e2e.conftest import Cluster, Redis
from tests.e2e.replica import Replica, running
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until

WITHOUT_REDIS_SECONDS = 2.0


@pytest.fixture(scope="module")
def fragile() -> Iterator[Servers]:
    """A Redis that nobody else uses."""
    with temporary_servers(postgres=False) as servers:
        yield servers


@pytest.fixture(scope="module")
async def replicas(
    cluster: Cluster, fragile: Servers, postgres_url: str, logs: Path
) -> AsyncIterator[tuple[Replica, ...]]:
    assert fragile.urls.redis_url is not None
    settings = {"REDIS_URL": fragile.urls.redis_url, "CONFIRM_ANSWER_SECONDS": "2.5"}
    async with fresh_database(postgres_url) as database_url:
        where = cluster.environment | {"DATABASE_URL": database_url} | settings
        async with running(Replica(logs, **where), Replica(logs, **where)) as both:
            yield both


@pytest.fixture
async def people(replicas: tuple[Replica, ...]) -> AsyncIterator[Crowd]:
    async with Crowd(*replicas) as crowd:
        yield crowd


@pytest.fixture
async def memory(fragile: Servers) -> AsyncIterator[Redis]:
    assert fragile.urls.redis_url is not None
    async with redis.asyncio.Redis.from_url(fragile.urls.redis_url, decode_responses=True) as client:
        yield client


@contextlib.asynccontextmanager
async def without_redis(fragile: Servers, replicas: tuple[Replica, ...]) -> AsyncIterator[None]:
    """Redis is killed, and comes back empty; returns when everybody has noticed."""
    await asyncio.to_thread(fragile.kill_server, "redis")
    try:
        yield
    finally:
        await asyncio.to_thread(fragile.start_server, "redis")

    async def all_well() -> bool:
        states = [(await replica.readiness())[1]["dependencies"]["redis"] for replica in replicas]
        return states == ["ok"] * len(states)

    await until(all_well)


async def test_after_a_flush_everybody_is_back_at_their_place(people: Crowd, memory: Redis, topic: str) -> None:
    users = [people.user() for _ in range(8)]
    for number, user in enumerate(users):
        await waiting(user, f"{topic} {number}")
    places = [await memory.zrange(f"queue:easy:{topic} {number}", 0, -1, withscores=True) for number in range(8)]
    assert all(places)
    await memory.flushall()

    async def are_back() -> bool:
        return places == [
            await memory.zrange(f"queue:easy:{topic} {number}", 0, -1, withscores=True) for number in range(8)
        ]

    await until(are_back, seconds=5)
    for number, user in enumerate(users):
        partner = people.user()
        request_id = await waiting(partner, f"{topic} {number}")
        assert (await user.match_status(await partner.matched(request_id))).expect(200)["status"] == "proposed"


async def test_after_a_flush_a_session_is_there_again_for_whoever_reads_it(
    people: Crowd, memory: Redis, topic: str
) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    before, kept = (await alice.session(session_id)).expect(200), await memory.hgetall(f"session:{session_id}")
    await memory.flushall()
    assert (await bob.session(session_id)).expect(200) == before
    assert await memory.hgetall(f"session:{session_id}") == kept
    assert 0 < await memory.ttl(f"session:{session_id}") <= 86_400
    assert (await alice.active()).expect(200)["session_id"] == session_id


async def test_what_is_typed_is_read_from_redis(people: Crowd, memory: Redis, topic: str) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    await memory.hset(f"session:{session_id}", mapping={"code": "print('hi')", "language": "javascript"})
    session = (await bob.session(session_id)).expect(200)
    assert (session["code"], session["language"]) == ("print('hi')", "javascript")


async def test_rubbish_in_the_place_of_a_queue_is_replaced(people: Crowd, memory: Redis, topic: str) -> None:
    await memory.set(f"queue:easy:{topic}", "rubbish")
    alice, bob = await people.connected("alice"), await people.connected("bob")
    match_id = await meet(alice, bob, topic)
    (await bob.decline(match_id)).expect(200)
    await alice.frame("match_expired")
    assert await until(lambda: memory.zrange(f"queue:easy:{topic}", 0, -1)) == [alice.user_id]
    await memory.set(f"queue:easy:{topic}", "rubbish again")
    assert await until(lambda: _members(memory, f"queue:easy:{topic}"), seconds=5) == [alice.user_id]


async def _members(memory: Redis, key: str) -> list[str]:
    if await memory.type(key) != "zset":
        return []
    members: list[str] = await memory.zrange(key, 0, -1)
    return members


async def test_ghosts_in_a_queue_are_swept_out_of_the_way(people: Crowd, memory: Redis, topic: str) -> None:
    await memory.zadd(f"queue:easy:{topic}", {f"ghost-{number}": number for number in range(500)})
    alice, bob = await people.connected("alice"), await people.connected("bob")
    await meet(alice, bob, topic)
    assert await memory.zcard(f"queue:easy:{topic}") < 500


@pytest.mark.parametrize("rubbish", ["a string", "no hash fields"])
async def test_rubbish_in_the_place_of_a_session_is_no_internal_error(
    people: Crowd, memory: Redis, topic: str, rubbish: str
) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    await memory.delete(f"session:{session_id}")
    if rubbish == "a string":
        await memory.set(f"session:{session_id}", rubbish)
    else:
        await memory.hset(f"session:{session_id}", "code", rubbish)
    session = (await alice.session(session_id)).expect(200)
    assert (session["session_id"], session["language"]) == (session_id, "python")
    assert await memory.hget(f"session:{session_id}", "code") is not None
    for replica in people.replicas:
        assert (await replica.readiness())[1]["dependencies"]["redis"] == "ok"


async def test_pairing_goes_on_without_redis(
    people: Crowd, replicas: tuple[Replica, ...], fragile: Servers, topic: str
) -> None:
    early = await people.connected("early", replicas[0])
    first = await waiting(early, topic)
    async with without_redis(fragile, replicas):
        late = await people.connected("late", replicas[1])
        began = time.monotonic()
        second = await waiting(late, topic)
        match_id = await early.matched(first, seconds=WITHOUT_REDIS_SECONDS)
        assert await late.matched(second) == match_id
        assert time.monotonic() - began < WITHOUT_REDIS_SECONDS
        assert (await late.frame("match_found"))["match_id"] == match_id, "told by the replica that paired"
        assert (await early.reload())["match"]["match_id"] == match_id
        status, ready = await replicas[0].readiness()
        assert (status, ready["status"], ready["dependencies"]["redis"]) == (200, "degraded", "away")
        (await early.confirm(match_id)).expect(200)
        (await late.confirm(match_id)).expect(202)
        cancelled = await waiting(people.user(), f"{topic} too")
        (await people.users[-1].cancel(cancelled)).expect(200)
    for user in (early, late):
        assert (await user.frame("match_ready"))["match_id"] == match_id
    new, other = await people.connected("new", replicas[0]), await people.connected("other", replicas[1])
    await enter(new, other, topic)


async def test_an_open_session_is_read_and_left_without_redis(
    people: Crowd, replicas: tuple[Replica, ...], fragile: Servers, topic: str
) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    async with without_redis(fragile, replicas):
        assert (await alice.session(session_id)).expect(200)["users"] == [alice.user_id, bob.user_id]
        assert (await alice.active()).expect(200)["session_id"] == session_id
        assert (await alice.leave(session_id)).expect(200) == {"status": "left"}


async def told_of(user: Client, match_id: str) -> None:
    """Wait for a ``state`` that names the match, whatever others came before."""
    while (await user.frame("state"))["match"] is None:
        pass
    assert user.tabs[0].of("state")[-1]["match"]["match_id"] == match_id


async def test_whoever_missed_something_while_redis_was_away_is_told_how_things_stand(
    people: Crowd, replicas: tuple[Replica, ...], fragile: Servers, topic: str
) -> None:
    alice, bob = await people.connected("alice", replicas[0]), await people.connected("bob", replicas[1])
    first = await waiting(alice, topic)
    async with without_redis(fragile, replicas):
        await waiting(bob, topic)
        match_id = await alice.matched(first)
        assert (await bob.frame("match_found"))["match_id"] == match_id
    for user in (alice, bob):
        await told_of(user, match_id)
    (await bob.confirm(match_id)).expect(200)
    assert await alice.frame("partner_confirmed") == {"type": "partner_confirmed", "match_id": match_id}
    assert (await alice.confirm(match_id)).status in (200, 202)
    assert (await bob.frame("match_ready"))["match_id"] == match_id
