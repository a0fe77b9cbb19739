"""Each quick fault of the stores: inflicted, seen to hurt, and healed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Final

import aio_pika
import aiohttp
import asyncpg
import pytest
from aio_pika.exceptions import AMQPError, PublishError
from redis.exceptions import RedisError

from service.embedded.process import answers
from tests.chaos.faults import FAULTS
from tests.chaos.faults.row import Row
from tests.chaos.town import Town
from tests.chaos.witness import EXCHANGE
from tests.e2e.waiting import until

SILENT_SECONDS: Final = 1.0


async def redis_has_forgotten(town: Town) -> bool:
    async with town.index() as index:
        return not await index.exists("kept")


async def redis_takes_nothing(town: Town) -> bool:
    async with town.index() as index:
        try:
            await index.set("kept", "1")
        except RedisError:
            return True
    return False


async def redis_is_away(town: Town) -> bool:
    return not await town._redis_answers()


async def redis_is_slow_on_the_line(town: Town) -> bool:
    began = asyncio.get_running_loop().time()
    assert await answers(town.lines[0, "redis"].port, b"PING\r\n", b"+PONG")
    return asyncio.get_running_loop().time() - began >= 0.1


async def redis_is_silent_on_the_line(town: Town) -> bool:
    return not await answers(town.lines[0, "redis"].port, b"PING\r\n", b"+PONG")


async def postgres_is_away(town: Town) -> bool:
    return not await town._postgres_answers()


async def the_replica_is_not_ready(town: Town) -> bool:
    async with asyncio.timeout(10):
        return not await town.residents[0].replica.is_ready()


async def no_event_gets_through(town: Town) -> bool:
    """Whether an event comes back, or cannot even be sent to a topic exchange."""
    url = town.servers.urls.rabbitmq_url
    try:
        async with await aio_pika.connect(url, timeout=5) as connection:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True, passive=True)
            await exchange.publish(aio_pika.Message(b"{}", message_id="probe"), "probe", timeout=2)
    except (AMQPError, PublishError, OSError, TimeoutError):
        return True
    return False


Look = Callable[[Town], Awaitable[bool]]

HURT: Final[dict[str, Look]] = {
    "redis-flushall": redis_has_forgotten,
    "redis-kill": redis_is_away,
    "redis-slow": redis_is_slow_on_the_line,
    "redis-full": redis_takes_nothing,
    "half-open-redis": redis_is_silent_on_the_line,
    "postgres-kill": postgres_is_away,
    "postgres-down": postgres_is_away,
    "postgres-read-only": postgres_is_away,
    "partition-postgres": the_replica_is_not_ready,
    "replica-kill": the_replica_is_not_ready,
    "exchange-missing": no_event_gets_through,
    "queue-unbound": no_event_gets_through,
}
"""What is so while the fault lasts, and is not before and after."""


@pytest.fixture(autouse=True)
async def _something_to_forget(town: Town) -> None:
    async with town.index() as index:
        await index.set("kept", "1")


@pytest.mark.parametrize("name", HURT)
async def test_a_fault_hurts_and_heals(town: Town, name: str) -> None:
    hurts = HURT[name]
    assert not await hurts(town)
    async with fault_named(name).inflict(town, 0, random.Random(1)):
        await until(lambda: hurts(town), what=f"{name} hurts")
    async with town.index() as index:
        await index.set("kept", "1")
    assert not await hurts(town)
    await town.until_ready()


async def test_whoever_wants_a_row_that_a_stranger_holds_has_to_wait(town: Town) -> None:
    async with town.database() as connection:
        request_id = await _pending(connection, "locked")
        async with fault_named("row-locks").inflict(town, 0, random.Random(1)):
            with pytest.raises(asyncpg.LockNotAvailableError):
                await connection.execute("SELECT FROM match_requests WHERE id = $1 FOR UPDATE NOWAIT", request_id)
        await connection.execute("DELETE FROM match_requests WHERE id = $1", request_id)


async def test_the_service_loses_every_connection_to_postgres_and_makes_new_ones(town: Town) -> None:
    async with town.database() as connection:
        before = await _connections(connection)
        async with fault_named("postgres-terminate").inflict(town, 0, random.Random(1)):
            await until(lambda: _others(connection, before))
        await town.until_ready()


async def test_redis_goes_back_to_what_it_had(town: Town) -> None:
    async with town.index() as index:
        await index.set("old", "1", ex=100)
        going_back = asyncio.create_task(fault_named("redis-stale").inflict(town, 0, random.Random(1)).__aenter__())
        await until(lambda: _is_dumped(town))
        await index.set("new", "1")
        await going_back
        assert await index.get("old") == "1"
        assert 0 < await index.ttl("old") <= 100
        assert await index.get("new") is None


async def test_a_queue_full_of_ghosts_is_a_queue_again_soon(town: Town) -> None:
    async with town.database() as connection, town.index() as index:
        request_id = await _pending(connection, "haunted")
        async with fault_named("redis-garbage").inflict(town, 0, random.Random(1)):
            await until(lambda: index.zscore("queue:easy:Haunting", "haunted"))
        await connection.execute("DELETE FROM match_requests WHERE id = $1", request_id)


async def test_a_service_without_descriptors_takes_nobody_in_and_does_again_when_it_has_some(town: Town) -> None:
    async with fault_named("descriptors").inflict(town, 0, random.Random(1)):
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(_is_alive(town)) for _ in range(10)]
        assert not all(call.result() for call in calls)
    assert await _is_alive(town)


def fault_named(name: str) -> Row:
    return next(fault for fault in FAULTS if fault.name == name)


async def _is_alive(town: Town) -> bool:
    timeout = aiohttp.ClientTimeout(total=SILENT_SECONDS)
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(f"{town.urls[0]}/health") as answer:
            return answer.status == 200
    return False


async def _pending(connection: asyncpg.Connection, user_id: str) -> str:
    """A request as the service makes them, in a bucket of its own."""
    request_id: str = await connection.fetchval(
        "INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)"
        " VALUES (gen_random_uuid(), $1, 'easy', 'Haunting', now() + interval '20 seconds') RETURNING id",
        user_id,
    )
    return request_id


async def _connections(connection: asyncpg.Connection) -> set[int]:
    rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE application_name = 'matching-service'")
    return {row["pid"] for row in rows}


async def _others(connection: asyncpg.Connection, before: set[int]) -> bool:
    now = await _connections(connection)
    return bool(now) and not now & before


async def _is_dumped(town: Town) -> bool:
    async with town.index() as index:
        stats = await index.info("commandstats")
    return "cmdstat_dump" in stats
