"""The bucket actors alone: in this process, over real PostgreSQL and Redis, without HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import Progress

from tests.load import cast, house, processes
from tests.load.arrivals import Arrival
from tests.load.numbers import Latency, Series, curve
from tests.load.processes import Group
from tests.load.report import Report
from tests.load.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlan:
    """What is asked for."""

    buckets: int = 8
    users: int = 20_000
    arrival: Arrival = Arrival.BURST
    rate: float = 2000.0
    """Users a second, when they do not come all at once; of a ramp, at its end."""
    warm_up: int = 1000
    """Users before anything is measured."""
    settle: float = 0.7
    """Seconds that are measured after the end, for what is written a moment later: who has been told."""
    fsync: bool = True
    seed: int = 1
    """Of the random moments."""

    def crowd(self, users: int) -> int:
        """So many users, or a few more: everyone finds a partner in every bucket."""
        return users + -users % (2 * self.buckets)

    def moments(self, users: int) -> Sequence[float]:
        """Seconds from the start, one for each of the crowd."""
        return list(self.arrival.moments(self.crowd(users), self.rate, self.seed))


async def measure(plan: BucketPlan, console: Console, stage: house.Stage | None = None) -> Report:
    """Run it, on private servers when no *stage* is given.  Raises ``StartFailed``."""
    with contextlib.ExitStack() as stack:
        stage = stage or stack.enter_context(house.private_servers(rabbitmq=False, fsync=plan.fsync))
        groups = {"actors": Group([os.getpid()], with_children=False), **stage.groups}
        watch = Stopwatch()
        async with cast.started(stage, watch) as actors:
            with Progress(console=console) as bar:
                await cast.play("warm-up", plan.moments(plan.warm_up), plan.buckets, actors, watch, bar)
                warm_errors = watch.reset()
                await asyncio.sleep(plan.settle)
                before = processes.usage(groups)
                start = await cast.play("measuring", plan.moments(plan.users), plan.buckets, actors, watch, bar)
            await asyncio.sleep(plan.settle)
            after = processes.usage(groups)
        ends = watch.ends()
        paired = [seconds for _, seconds in ends]
        return Report(
            program="buckets",
            plan=asdict(plan),
            seconds=round(watch.last - start, 3),
            users=plan.crowd(plan.users),
            matches=watch.paired,
            latency_ms={"paired": Latency.of(paired)},
            curves={"paired": curve(paired)},
            series=Series.of(ends, start),
            cost=processes.costs(before, after, matches=watch.paired),
            errors=dict(watch.errors + Counter({f"warm-up: {kind}": n for kind, n in warm_errors.items()})),
            caveats=_caveats(plan),
            server_versions=await stage.versions(),
        )


def _caveats(plan: BucketPlan) -> list[str]:
    found = ["Whoever enqueues runs in the process of the actors, and is counted with them; only errors are logged."]
    if plan.arrival is Arrival.BURST:
        found.append("All users come at once: the latency is mostly the time spent in the queue.")
    if not plan.fsync:
        found.append("The stores did not wait for the disk.")
    return found
