"""What can happen to the index."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from tests.chaos.connection import Weather
from tests.chaos.faults.row import fault
from tests.chaos.proxy import under

if TYPE_CHECKING:
    from tests.chaos.tables import Redis
    from tests.chaos.town import Town

REDIS: Final = "redis"
GHOSTS: Final = 10_000
MOST_SPOILED: Final = 6
"""Buckets whose keys are spoiled at once."""


@fault("redis-flushall", "F9", "Redis loses everything it had", REDIS)
async def flush(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.index() as index:
        await index.flushall()
    yield


@fault("redis-kill", "F10", "Redis dies at once and is away", REDIS, seconds=(1, 6))
async def kill(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.order("kill", REDIS)
    yield
    await town.start_again(REDIS)


@fault("redis-kill-long", "F10", "Redis is away for a minute", REDIS, seconds=(60, 60), heavy=True)
async def kill_for_long(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.order("kill", REDIS)
    yield
    await town.start_again(REDIS)


@fault("redis-stale", "F11", "Redis has everything as it was a while ago", REDIS)
async def go_back(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.index(text=False) as index:
        before = await _everything(index)
        await asyncio.sleep(chance.uniform(1, 3))
        await index.flushall()
        pipe = index.pipeline(transaction=False)
        for key, (value, lives) in before.items():
            pipe.restore(key, lives, value, replace=True)  # somebody may have come meanwhile
        await pipe.execute()
    yield


@fault("redis-paused", "F12", "Redis answers nobody", REDIS)
async def pause(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.index() as index:
        await index.execute_command("CLIENT", "PAUSE", str(int(1000 * chance.uniform(2, 5))), "ALL")
    await town.until_answers(REDIS)
    yield


@fault("redis-slow", "F13", "Redis takes 100 ms for every answer", REDIS, seconds=(3, 6))
async def slow_down(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _slowed(town, 0.1):
        yield


@fault("redis-late", "F13", "Redis answers when everybody has given up", REDIS, seconds=(3, 6))
async def be_late(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _slowed(town, chance.uniform(0.3, 1.2)):
        yield


@fault("redis-full", "F14", "Redis has no memory left", REDIS, seconds=(2, 6))
async def fill(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.index() as index:
        await index.config_set("maxmemory", 1)
    yield
    async with town.index() as index:
        await index.config_set("maxmemory", 0)
    await town.until_answers(REDIS)


@fault("redis-garbage", "F15", "queues are full of ghosts, or no queues at all", REDIS)
async def spoil(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.database() as connection, town.index() as index:
        rows = await connection.fetch("SELECT DISTINCT bucket FROM match_requests ORDER BY bucket")
        buckets = [row["bucket"] for row in rows]
        for number, bucket in enumerate(chance.sample(buckets, min(len(buckets), MOST_SPOILED))):
            await _spoil(index, f"queue:{bucket}", is_set=bool(number % 2))
    yield


async def _spoil(index: Redis, key: str, *, is_set: bool) -> None:
    if is_set:
        await index.set(key, "no queue")
        return
    ghosts = {f"ghost-{number}": float(number) for number in range(GHOSTS)}
    await index.delete(key)
    await index.zadd(key, ghosts)


async def _everything(index: Redis) -> dict[bytes, tuple[bytes, int]]:
    """Every key, with what is in it and how many milliseconds it has left (0 for ever)."""
    keys = [key async for key in index.scan_iter(count=1000)]
    pipe = index.pipeline(transaction=False)
    for key in keys:
        pipe.dump(key)
        pipe.pttl(key)
    found: list[Any] = await pipe.execute()
    dumped = zip(keys, found[::2], found[1::2], strict=True)
    return {key: (value, max(0, lives)) for key, value, lives in dumped if value is not None}


async def _slowed(town: Town, seconds: float) -> AsyncGenerator[None, None]:
    """*seconds* more for every round trip."""
    with under(Weather(delay_seconds=seconds / 2), town.lines_to(REDIS)):
        yield
    await town.until_ready()
