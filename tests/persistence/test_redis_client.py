"""Reaching Redis: nobody waits long, and nobody waits for what the last one waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from domain.errors import StoreUnavailable
from persistence.redis import client as module
from persistence.redis.keys import queue_key, session_key
from persistence.redis.queue import RedisQueue
from persistence.redis.sessions import RedisSessions
from service.embedded import Servers
from tests.builders import ANN, BUCKET, a_session, waiting
from tests.persistence.conftest import Failures, reach_of

NOWHERE = "redis://127.0.0.1:1/0"


async def test_after_a_failure_redis_is_left_alone_for_a_while(
    failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0
    async with reach_of(NOWHERE, failures) as reach:

        async def command() -> object:
            nonlocal tried
            tried += 1
            return await reach.client.get("anything")

        for _ in range(10):
            with pytest.raises(StoreUnavailable):
                await reach.run(command)
        assert tried == 1
        assert failures.names == ["redis"]
        monkeypatch.setattr(reach, "_rests_until", 0.0)
        with pytest.raises(StoreUnavailable):
            await reach.run(command)
        assert tried == 2


async def test_the_rest_is_short_and_ends_by_itself(
    redis_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST_SECONDS", 0.02)

    async def broken() -> object:
        raise ConnectionError

    async with reach_of(redis_url, failures) as reach:
        with pytest.raises(StoreUnavailable):
            await reach.run(broken)
        assert not await reach.is_up()
        async with asyncio.timeout(1):
            while not await reach.is_up():  # noqa: ASYNC110 - the clock is the point
                await asyncio.sleep(0.001)


async def test_a_redis_that_takes_connections_and_never_answers_is_away_soon(failures: Failures) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with reach_of(f"redis://127.0.0.1:{port}/0", failures) as reach:
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await RedisQueue(reach).join(BUCKET, [waiting(ANN, 1.0)], 10)
        assert time.monotonic() - began < 1
    server.close()
    await server.wait_closed()


async def test_a_paused_redis_is_away_soon_and_back_afterwards(
    redis_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reach_of(redis_url, failures) as reach, Redis.from_url(redis_url) as other:
        queue = RedisQueue(reach)
        await queue.join(BUCKET, [], 10)
        await other.client_pause(400)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await queue.join(BUCKET, [waiting(ANN, 1.0)], 10)
        assert time.monotonic() - began < 0.4 + 0.5
        await other.ping()
        monkeypatch.setattr(reach, "_rests_until", 0.0)
        await queue.join(BUCKET, [waiting(ANN, 1.0)], 10)
        assert await queue.join(BUCKET, [], 10) == [waiting(ANN, 1.0)]


async def test_scripts_are_loaded_again_after_redis_has_forgotten_them(redis_url: str, failures: Failures) -> None:
    async with reach_of(redis_url, failures) as reach:
        queue = RedisQueue(reach)
        await queue.join(BUCKET, [waiting(ANN, 1.0)], 10)
        await reach.client.script_flush()
        assert await queue.join(BUCKET, [], 10) == [waiting(ANN, 1.0)]
    assert not failures.names


async def test_a_redis_that_was_restarted_is_used_again(
    mortal_servers: Servers, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mortal_servers.urls.redis_url is not None
    async with reach_of(mortal_servers.urls.redis_url, failures) as reach:
        assert await reach.is_up()
        await asyncio.to_thread(mortal_servers.kill_server, "redis")
        assert not await reach.is_up()
        await asyncio.to_thread(mortal_servers.start_server, "redis")
        monkeypatch.setattr(reach, "_rests_until", 0.0)
        for _ in range(5):
            if await reach.is_up():
                break
            monkeypatch.setattr(reach, "_rests_until", 0.0)
        assert await reach.is_up()


async def test_keys_and_fields_are_those_that_others_read(redis_url: str, failures: Failures) -> None:
    session = a_session()
    async with reach_of(redis_url, failures) as reach, Redis.from_url(redis_url, decode_responses=True) as other:
        await RedisQueue(reach).join(BUCKET, [waiting(ANN, 1763000000.123456)], 10)
        await RedisSessions(reach, seconds=60, legacy_key=False).create(session)
        assert await other.zrange("queue:easy:Array", 0, -1, withscores=True) == [("ann", 1763000000.123456)]
        fields = await other.hgetall(f"session:{session.id}")
        assert fields.keys() >= {"question", "code", "language", "users"}
        assert fields["users"] == '["ann", "ben"]'
        assert 0 < await other.ttl(f"session:{session.id}") <= 60
        assert not await other.exists(session.id)


async def test_the_predecessors_key_is_written_beside_the_hash_when_asked_for(
    redis_url: str, failures: Failures
) -> None:
    session = a_session()
    async with reach_of(redis_url, failures) as reach:
        await RedisSessions(reach, seconds=60, legacy_key=True).create(session)
        await reach.client.set(session.id, "typed by another service", keepttl=True)
        await RedisSessions(reach, seconds=60, legacy_key=True).create(session)
        assert await reach.client.get(session.id) == "typed by another service"
        assert 0 < await reach.client.ttl(session.id) <= 60


@pytest.mark.parametrize("call", ["join", "remove", "missing"])
async def test_a_queue_key_that_holds_something_else_is_replaced_and_looks_like_no_outage(
    redis_url: str, failures: Failures, call: str
) -> None:
    async with reach_of(redis_url, failures) as reach:
        queue, ann = RedisQueue(reach), waiting(ANN, 1.0)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "join": lambda: queue.join(BUCKET, [ann], 10),
            "remove": lambda: queue.remove(BUCKET, [ann]),
            "missing": lambda: queue.missing(BUCKET, [ann]),
        }
        await reach.client.set(queue_key(BUCKET), "not a sorted set")
        assert await calls[call]() == {"join": [ann], "remove": None, "missing": [ann]}[call]
        assert await reach.client.type(queue_key(BUCKET)) == ("zset" if call == "join" else "none")
    assert not failures.names


async def test_a_session_key_that_holds_something_else_is_cleared(redis_url: str, failures: Failures) -> None:
    session = a_session()
    async with reach_of(redis_url, failures) as reach:
        await reach.client.set(session_key(session.id), "not a hash")
        assert await RedisSessions(reach, seconds=60, legacy_key=False).document(session.id) is None
        assert not await reach.client.exists(session_key(session.id))
    assert not failures.names


async def test_any_other_complaint_of_redis_clears_nothing(redis_url: str, failures: Failures) -> None:
    async def refused() -> None:
        raise ResponseError("OOM command not allowed")

    async with reach_of(redis_url, failures) as reach:
        await reach.client.set(queue_key(BUCKET), "here")
        with pytest.raises(StoreUnavailable):
            await reach.run_at(queue_key(BUCKET), refused)
        assert await reach.client.get(queue_key(BUCKET)) == "here"


async def test_an_outage_is_logged_once_a_second_and_counted_every_time(
    failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0

    async def broken() -> None:
        raise ConnectionError

    async with reach_of(NOWHERE, failures) as reach:
        monkeypatch.setattr(reach._may_say, "_clock", lambda: now)
        with capture_logs() as lines:
            for expected in (1, 2):
                results = await asyncio.gather(*(reach.run(broken) for _ in range(20)), return_exceptions=True)
                assert [type(result) for result in results] == [StoreUnavailable] * 20
                monkeypatch.setattr(reach, "_rests_until", 0.0)
                await asyncio.gather(reach.run(broken), return_exceptions=True)
                assert len(lines) == expected
                monkeypatch.setattr(reach, "_rests_until", 0.0)
                now += 1.0
    assert failures.names == ["redis"] * 4
