"""A run: warm up, look, make noise, look again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from tests.e2e.replica import Replica
from tests.hardening.fuzz.verdict import grown, lives, said, settled
from tests.hardening.fuzz.visit import Tally, visit
from tests.hardening.sockets.gauges import Gauges

WARM_UP_SHARE = 0.25
"""Of the time: what is made once and kept is made in it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did, and what it found."""

    seed: int
    tally: Tally
    before: Gauges
    after: Gauges
    findings: list[str]
    lines: Counter[str] = field(default_factory=Counter)
    """What the replica logged, by level and action."""


async def attack(replica: Replica, *, seconds: float, seed: int, visitors: int) -> Outcome:
    """Let *visitors* come at the same time, one visit after the other, for so many *seconds*."""
    tally, numbers = Tally(), count()
    warm_up = seconds * WARM_UP_SHARE
    await _crowd(replica.url, seed, numbers, tally, seconds=warm_up, visitors=visitors)
    before = await settled(replica)
    await _crowd(replica.url, seed, numbers, tally, seconds=seconds - warm_up, visitors=visitors)
    after = await settled(replica)
    findings = [*tally.faults, *await lives(replica), *grown(before, after), *said(replica)]
    lines = Counter(f"{line.get('level')} {line.get('action', line.get('logger'))}" for line in replica.said())
    return Outcome(seed, tally, before, after, findings, lines)


async def _crowd(url: str, seed: int, numbers: count[int], tally: Tally, *, seconds: float, visitors: int) -> None:
    end = time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < end:
            await visit(url, seed, next(numbers), tally)

    async with asyncio.TaskGroup() as all_of_them:
        for _ in range(visitors):
            all_of_them.create_task(one())
