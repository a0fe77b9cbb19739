"""One point: what a match costs, here and now."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.progress import Progress

from service.cast import Cast
from tests.load import cast, house, processes
from tests.load.arrivals import Arrival
from tests.load.buckets import BucketPlan
from tests.load.growth.subject import Figures
from tests.load.processes import EVERYTHING_ELSE, Group
from tests.load.stopwatch import Stopwatch

TOTAL: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Users who come at random moments, and the actors that they come to."""

    stage: house.Stage
    actors: Cast
    watch: Stopwatch
    bar: Progress
    users: int
    rate: float
    settle: float
    errors: Counter[str] = field(default_factory=Counter)

    async def cost(self, name: str, buckets: int = 8) -> Figures:
        """CPU of a match in ms by component, over so many *buckets*."""
        plan = BucketPlan(buckets=buckets, users=self.users, arrival=Arrival.POISSON, rate=self.rate)
        await self._play(f"{name}, warm-up", plan.moments(self.users // 4), buckets)
        await asyncio.sleep(self.settle)
        groups = {"actors": Group([os.getpid()], with_children=False), **self.stage.groups}
        before = processes.usage(groups)
        matches = await self._play(name, plan.moments(self.users), buckets)
        await asyncio.sleep(self.settle)
        costs = processes.costs(before, processes.usage(groups), matches=matches)
        found = {group: cost.cpu_ms_per_match for group, cost in costs.items() if group != EVERYTHING_ELSE}
        return {**found, TOTAL: round(sum(found.values()), 3)}

    async def _play(self, name: str, moments: Sequence[float], buckets: int) -> int:
        """How many matches there were."""
        await cast.play(name, moments, buckets, self.actors, self.watch, self.bar)
        matches = self.watch.paired
        self.errors.update({f"{name}: {kind}": times for kind, times in self.watch.reset().items()})
        if 2 * matches != len(moments):
            self.errors[f"{name}: not matched"] += len(moments) - 2 * matches
        return matches
