"""A lane: one database, on which runs follow each other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import aiohttp
import asyncpg
import redis.asyncio

from service.embedded.databases import fresh_database
from service.errors import StartFailed
from tests.chaos.crash import judge
from tests.chaos.crash.nursery import Nursery, Replica
from tests.chaos.crash.truth import Deliveries, Truth, read_truth

CALM_SECONDS: Final = 10.0
"""How long what nobody waits for may take: marks, and the way home."""

MOST_STARTS: Final = 3
"""How often a replica is started that does not reach PostgreSQL in time: on a busy machine that happens."""

LOOK_SECONDS: Final = (0.02, 0.15)
"""Between two looks, at first and at most."""


class Variant(StrEnum):
    """Who goes on after the death."""

    TAKEOVER = "takeover"
    """Another replica, which has been there all along."""
    RESTART = "restart"
    """The same one, started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all lanes share."""

    nursery: Nursery
    postgres_url: str
    """A server with a migrated template."""
    environment: Mapping[str, str]
    """Of every replica, without ``DATABASE_URL``."""
    http: aiohttp.ClientSession
    index: redis.asyncio.Redis
    deliveries: Deliveries


@dataclass(slots=True, kw_only=True)
class Lane:
    """A database, and with ``TAKEOVER`` a steady replica on it."""

    house: House
    variant: Variant
    database_url: str
    sql: asyncpg.Pool[asyncpg.Record]
    steady: Replica | None = None
    topics: list[str] = field(default_factory=list)
    """Of all runs so far."""

    async def start_replica(self, **settings: str) -> Replica:
        """A replica on this database, begun again as an orchestrator would.  Raises ``StartFailed``."""
        environment = {**self.house.environment, "DATABASE_URL": self.database_url, **settings}
        for _ in range(MOST_STARTS - 1):
            with contextlib.suppress(StartFailed):
                return await self.house.nursery.start(environment)
        return await self.house.nursery.start(environment)

    async def look(self, *topics: str) -> Truth:
        """What the stores hold of these topics."""
        return await read_truth(topics, self.sql, self.house.index, self.house.deliveries)

    async def inspect(self, *, seconds: float = CALM_SECONDS) -> list[str]:
        """What is wrong with the whole database once all runs are over, and still is after *seconds*."""

        async def remains() -> Sequence[str]:
            return judge.remains(await self.look(*self.topics))

        errors = self.steady.errors() if self.steady else []
        return [*await until_none(remains, seconds), *(f"the log says {line}" for line in errors)]


@contextlib.asynccontextmanager
async def lane(house: House, variant: Variant) -> AsyncIterator[Lane]:
    """A lane on a database of its own, dropped afterwards."""
    async with fresh_database(house.postgres_url) as url, asyncpg.create_pool(url, min_size=1, max_size=2) as sql:
        made = Lane(house=house, variant=variant, database_url=url, sql=sql)
        if variant is Variant.TAKEOVER:
            made.steady = await made.start_replica()
        try:
            yield made
        finally:
            if made.steady is not None:
                await made.steady.kill()


async def until_none(look: Callable[[], Awaitable[Sequence[str]]], seconds: float) -> Sequence[str]:
    """Look until nothing is wrong any more; what still is after *seconds*."""
    patience = time.monotonic() + seconds
    pause, longest = LOOK_SECONDS
    while (found := await look()) and time.monotonic() < patience:
        await asyncio.sleep(pause)
        pause = min(1.5 * pause, longest)
    return found
