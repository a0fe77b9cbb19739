"""What clients can do.

Not here: F38.  In every run the crowd repeats its calls, and the witness gives messages back.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tests.chaos import strangers
from tests.chaos.connection import Weather
from tests.chaos.faults.row import fault, repeating
from tests.chaos.proxy import Proxy

if TYPE_CHECKING:
    from tests.chaos.town import Town

CLIENTS: Final = "clients"
DEAF: Final = 50
"""Users who never read, with several sockets each."""
NEWS_BYTES: Final = 4096
NEWS_SECONDS: Final = 0.2
NOBODY: Final = "00000000"
"""Which replica the forged news come from."""
HALF_OPEN: Final = 50
STORM_SECONDS: Final = 60.0
LARGE_STORM_SECONDS: Final = 110.0


@fault("slow-readers", "F35", "two hundred sockets never read what is sent to them", CLIENTS, seconds=(4, 8))
async def never_read(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    users = strangers.names(DEAF)
    news = NOBODY + json.dumps({"type": "news", "text": "x" * NEWS_BYTES})

    async def publish() -> None:
        async with town.index() as index:
            pipe = index.pipeline(transaction=False)
            for user_id in users:
                pipe.publish(f"frames:{user_id}", news)
            await asyncio.wait({asyncio.ensure_future(pipe.execute(raise_on_error=False))}, timeout=1)

    async with strangers.deaf(town.urls[victim], users * strangers.TABS), repeating(publish, every=NEWS_SECONDS):
        yield
    await town.residents[victim].until_ready()


@fault("sockets-half-open", "F36", "fifty sockets whose other end is gone without a word", CLIENTS, seconds=(3, 6))
async def vanish(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _vanished(town, victim, chance):
        yield


@fault(
    "sockets-half-open-long",
    "F36",
    "fifty sockets are gone for longer than the heartbeat",
    CLIENTS,
    seconds=(40, 45),
    heavy=True,
)
async def vanish_for_long(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _vanished(town, victim, chance):
        yield


@fault("reconnect-storm", "F37", "a thousand sockets are opened within a second", CLIENTS)
async def storm(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await _storm(town, 1_000, chance, STORM_SECONDS)
    yield


@fault("reconnect-storm-large", "F37", "ten thousand sockets are opened within a second", CLIENTS, heavy=True)
async def large_storm(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    await _storm(town, 10_000, chance, LARGE_STORM_SECONDS)
    yield


async def _storm(town: Town, how_many: int, chance: random.Random, most_seconds: float) -> None:
    users = strangers.names(how_many // strangers.TABS) * strangers.TABS
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(most_seconds):
            seconds = await stack.enter_async_context(strangers.storming(town.urls, users, chance))
        town.say(f"{how_many} sockets were open after {seconds:.1f} s")


async def _vanished(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    url = urlsplit(town.urls[victim])
    line = Proxy(url.port or 0)
    await line.open()
    there = [f"http://127.0.0.1:{line.port}"]
    try:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(STORM_SECONDS):
                await stack.enter_async_context(strangers.storming(there, strangers.names(HALF_OPEN), chance))
            with line.under(Weather(holds_requests=True, holds_answers=True)):
                yield
    finally:
        await line.close()
    await town.residents[victim].until_ready()
