"""PostgreSQL dies and comes back: the service says so, keeps its sockets, and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from service.embedded import Servers, temporary_servers
from service.embedded.databases import fresh_database, make_template
from service.errors import StartFailed
from tests.e2e.client import Crowd
from tests.e2e.conftest import Cluster
from tests.e2e.replica import Replica, running
from tests.e2e.scenes import enter, waiting
from tests.e2e.waiting import until

BACK_SECONDS = 5.0


async def start_again(fragile: Servers) -> None:
    """Start PostgreSQL, as soon as the last process of the one that was killed is gone."""

    def started() -> bool:
        try:
            fragile.start_server("postgres")
        except StartFailed:
            return False
        return True

    await until(lambda: asyncio.to_thread(started))


@pytest.fixture(scope="module")
async def fragile() -> AsyncIterator[Servers]:
    """A PostgreSQL that nobody else uses, and that keeps its promises."""
    with temporary_servers(redis=False, fsync=True) as servers:
        assert servers.urls.database_url is not None
        await make_template(servers.urls.database_url)
        yield servers


@pytest.fixture(scope="module")
async def replica(cluster: Cluster, fragile: Servers, logs: Path) -> AsyncIterator[Replica]:
    assert fragile.urls.database_url is not None
    async with (
        fresh_database(fragile.urls.database_url) as database_url,
        running(Replica(logs, **(cluster.environment | {"DATABASE_URL": database_url}))) as (replica,),
    ):
        yield replica


@pytest.fixture
async def people(replica: Replica) -> AsyncIterator[Crowd]:
    async with Crowd(replica) as crowd:
        yield crowd


async def test_while_it_is_away_everything_is_503_and_sockets_stay(
    people: Crowd, replica: Replica, fragile: Servers, topic: str
) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    friends = await people.connected("carol"), await people.connected("dave")
    request_id = await waiting(alice, topic)
    session_id = (await enter(*friends, f"{topic} too"))["session_id"]
    await asyncio.to_thread(fragile.kill_server, "postgres")
    try:
        for answer in (
            await bob.find(topic),
            await alice.request_status(request_id),
            await alice.cancel(request_id),
            await friends[0].active(),
            await friends[0].session(session_id),
            await friends[0].leave(session_id),
        ):
            problem = answer.expect(503)
            assert (problem["code"], problem["status"]) == ("unavailable", 503)
            assert int(answer.headers["Retry-After"]) >= 1
        await until(lambda: _is_unready(replica), seconds=2)
        await alice.tabs[0].socket.send_str('{"type": "ping"}')
        await alice.frame("pong")
        newcomer = people.user("newcomer")
        await newcomer.connect()
    finally:
        await start_again(fragile)
    await until(replica.is_ready, seconds=BACK_SECONDS)
    assert (await newcomer.frame("state"))["request"] is None
    (await bob.find(topic)).expect(201)
    found = await alice.frame("match_found")
    assert (found["partner_id"], found["topic"]) == (bob.user_id, topic)
    assert (await alice.request_status(request_id)).expect(200)["match_id"] == found["match_id"]
    assert (await friends[0].session(session_id)).expect(200)["session_id"] == session_id
    assert len(alice.tabs) == 1


async def _is_unready(replica: Replica) -> bool:
    status, ready = await replica.readiness()
    if status == 200:
        return False  # what was learned counts for a moment
    assert (status, ready["failing"], ready["dependencies"]["postgres"]) == (503, ["postgres"], "away")
    return True


async def test_what_was_promised_before_a_crash_of_postgres_holds(
    people: Crowd, replica: Replica, fragile: Servers, topic: str
) -> None:
    users = [people.user() for _ in range(20)]
    ids = [await waiting(user, f"{topic} {number}") for number, user in enumerate(users)]
    await asyncio.to_thread(fragile.kill_server, "postgres")
    await start_again(fragile)
    await until(replica.is_ready, seconds=BACK_SECONDS)
    for user, request_id in zip(users, ids, strict=True):
        assert (await user.request_status(request_id)).expect(200)["status"] == "pending"


async def test_connections_that_are_cut_are_not_noticed_outside(
    people: Crowd, replica: Replica, fragile: Servers, topic: str
) -> None:
    sql = await asyncpg.connect(replica.environment["DATABASE_URL"])
    for number in range(5):
        await sql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'matching-service'"
        )
        (await people.user().find(f"{topic} {number}")).expect(201)
    await sql.close()
