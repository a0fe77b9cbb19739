"""Lets one thing after the other grow."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.console import Console
from rich.progress import Progress

from service.stores import Stores
from tests.load import cast, house
from tests.load.growth import buckets, history, sockets, waiting
from tests.load.growth.crowd import Crowd
from tests.load.growth.findings import GrowthReport
from tests.load.growth.plans import Plans
from tests.load.growth.rows import Rows, connected
from tests.load.growth.subject import Subject
from tests.load.stopwatch import Stopwatch


class Grows(StrEnum):
    """What can grow."""

    USERS = "users"
    BUCKETS = "buckets"
    SOCKETS = "sockets"
    HISTORY = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """What is asked for: sizes, each list growing."""

    only: Sequence[Grows] = tuple(Grows)
    waiting: Sequence[int] = (100, 1_000, 10_000, 100_000)
    busy: Sequence[int] = (1, 10, 100, 1_000)
    idle: Sequence[int] = (1_000, 10_000)
    sockets: Sequence[int] = (1_000, 5_000, 20_000)
    history: Sequence[int] = (0, 100_000, 1_000_000)
    users: int = 4_000
    """Who come while one point is measured."""
    rate: float = 1_000.0
    """How many of them in a second."""
    socket_rate: float = 600.0
    socket_seconds: float = 5.0
    """How long sockets are idle at each point."""
    settle: float = 0.7
    fsync: bool = True

    @classmethod
    def of(cls, only: Sequence[Grows], *, full: bool, fsync: bool) -> GrowthPlan:
        """As far as ends within minutes, or further."""
        plan = cls(only=only or tuple(Grows), fsync=fsync)
        if not full:
            return plan
        return cls(
            only=plan.only, fsync=fsync, history=(*plan.history, 5_000_000), sockets=(*plan.sockets, 50_000)
        )  # fmt: skip


async def measure(plan: GrowthPlan, console: Console, stage: house.Stage | None = None) -> GrowthReport:
    """Run it, on private servers when no *stage* is given.  Raises ``StartFailed``."""
    with contextlib.ExitStack() as stack:
        stage = stage or stack.enter_context(house.private_servers(rabbitmq=False, fsync=plan.fsync))
        with Progress(console=console) as bar:
            run = _Run(plan, stage, bar, Counter(), [], Plans())
            # Idle buckets come first: memory that something else has used and given back would hide theirs.
            first = sorted(plan.only, key=lambda grows: grows is not Grows.BUCKETS)
            subjects = [subject for grows in first for subject in await run.let_grow(grows)]
        return GrowthReport(
            program="growth",
            plan=asdict(plan),
            subjects=subjects,
            errors=dict(run.errors),
            paths=run.plans.paths,
            caveats=[*run.notes, *_caveats(plan)],
            server_versions=await stage.versions(),
        )


@dataclass(frozen=True, slots=True)
class _Run:
    plan: GrowthPlan
    stage: house.Stage
    bar: Progress
    errors: Counter[str]
    notes: list[str]
    """What was not as asked for."""
    plans: Plans
    """Of what is asked while history grows."""

    async def let_grow(self, grows: Grows) -> list[Subject]:
        """One subject, beginning with empty stores."""
        plan = self.plan
        async with connected(self.stage) as rows:
            await rows.clear()
            match grows:
                case Grows.USERS:
                    async with self._crowd() as (crowd, _):
                        return await waiting.measure(plan.waiting, crowd, rows)
                case Grows.BUCKETS:
                    async with self._crowd() as (crowd, _):
                        idle = await buckets.idle(plan.idle, crowd)
                    await rows.clear()
                    async with self._crowd() as (crowd, _):
                        return [*idle, *await buckets.busy(plan.busy, crowd)]
                case Grows.SOCKETS:
                    return await sockets.measure(
                        plan.sockets, plan.socket_rate, plan.socket_seconds, self.stage, self.bar, self.notes
                    )
                case Grows.HISTORY:
                    return await self._history(rows)

    async def _history(self, rows: Rows) -> list[Subject]:
        async with self._crowd() as (crowd, stores):
            self.plans.watch(stores.database)
            return await history.measure(self.plan.history, crowd, rows, self.plans, stores.database)

    @contextlib.asynccontextmanager
    async def _crowd(self) -> AsyncIterator[tuple[Crowd, Stores]]:
        """New actors with their stores, and who comes to them."""
        watch, opened, plan = Stopwatch(), list[Stores](), self.plan
        async with cast.started(self.stage, watch, opened.append) as actors:
            yield (
                Crowd(
                    stage=self.stage, actors=actors, watch=watch, bar=self.bar, users=plan.users, rate=plan.rate,
                    settle=plan.settle, errors=self.errors,
                ),
                opened[0],
            )  # fmt: skip


def _caveats(plan: GrowthPlan) -> list[str]:
    found = [
        "Whoever enqueues runs in the process of the actors, and is counted with them.",
        f"A point is {plan.users:,} users at {plan.rate:,.0f} a second: compare points of one run, not of two.",
    ]
    if Grows.USERS in plan.only:
        found.append(
            "Those who wait were put into PostgreSQL and Redis as rows, in buckets that nobody else comes to: so many "
            "cannot wait otherwise, since whoever comes to the same bucket is paired. Their reminders, in the process, "
            "are measured with the idle buckets."
        )
    if Grows.HISTORY in plan.only:
        found.append("History was inserted with SQL; nobody has counted its rows: no ANALYZE, no autovacuum.")
        found.append("Statements are those of pairing and sweeping: nobody confirms here, and no session is opened.")
    if not plan.fsync:
        found.append("The stores did not wait for the disk.")
    return found
