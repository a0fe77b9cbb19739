"""A process that may open few files goes on, says how it does, and recovers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp

from tests.e2e.client import Crowd
from tests.e2e.conftest import Spawn
from tests.e2e.scenes import meet
from tests.e2e.waiting import until

FILES = 256
IDLE = 300


async def status(url: str, path: str) -> int:
    """Asked over a new connection; 0 for one that is cut."""
    async with aiohttp.ClientSession() as http:
        try:
            async with http.get(url + path) as answer:
                return answer.status
        except aiohttp.ClientError:
            return 0


@contextlib.asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """So many connections over which nothing is asked."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    writers = [(await asyncio.open_connection(host, port))[1] for _ in range(count)]
    try:
        yield writers
    finally:
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def test_connections_that_use_up_the_descriptors_keep_out_neither_probes_nor_people_who_are_in(
    spawn: Spawn, topic: str
) -> None:
    replica = await spawn(MAX_CONNECTIONS_PER_ADDRESS="1000")
    await replica.kill()
    replica.files = FILES
    await replica.start()
    async with Crowd(replica) as crowd:
        alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
        match_id = await meet(alice, bob, topic)
        async with connected(replica.url, IDLE) as idle:
            (await alice.confirm(match_id)).expect(200)
            (await bob.confirm(match_id)).expect(200)
            for writer in idle[140:160]:  # some of those that were let in last
                writer.close()

            async def probes_are_answered() -> bool:
                return [await status(replica.url, path) for path in ("/health", "/health/ready", "/metrics")] == [
                    200
                ] * 3

            await until(probes_are_answered)
        await until(lambda: is_open(replica.url))
    assert await replica.terminate() == 0


async def is_open(url: str) -> bool:
    """Whether newcomers are served."""
    return await status(url, "/") == 200
