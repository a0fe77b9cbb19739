"""What can happen between replicas and stores."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

from tests.chaos.connection import Weather
from tests.chaos.faults.row import VICTIM, Row, fault
from tests.chaos.proxy import under

if TYPE_CHECKING:
    from tests.chaos.town import Town

SILENCES: Final = (
    Weather(holds_requests=True, holds_answers=True),
    Weather(holds_requests=True),
    Weather(holds_answers=True),
)
"""Nothing gets through in both directions, or in one."""


def _half_open(store: str, title: str) -> Row:
    @fault(f"half-open-{store}", "F30", f"{title} cannot be heard, or does not hear", store, seconds=(4, 8))
    async def silence(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
        with under(chance.choice(SILENCES), town.lines_to(store)):
            yield
        await town.until_answers(store)
        await town.until_ready()

    return silence


def _partition(store: str, title: str) -> Row:
    @fault(f"partition-{store}", "F31", f"one replica cannot reach {title}", VICTIM, seconds=(3, 8))
    async def part(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
        line = town.lines[victim, store]
        if chance.random() < 1 / 2:
            line.refuse()
            chance.choice((line.reset, line.cut))()
            yield
            await line.open()
        else:
            with line.under(chance.choice(SILENCES)):
                yield
        await town.residents[victim].until_ready()

    return part


_TITLES: Final = {"postgres": "PostgreSQL", "redis": "Redis", "rabbitmq": "the broker"}
HALF_OPEN: Final = tuple(_half_open(store, title) for store, title in _TITLES.items())
PARTITIONS: Final = tuple(_partition(store, title) for store, title in _TITLES.items())


@fault("lines-cut", "F30", "every connection to every store is reset", "postgres", "redis", "rabbitmq")
async def cut_all(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    for line in town.lines.values():
        line.reset()
    await asyncio.sleep(0)
    await town.until_ready()
    yield
