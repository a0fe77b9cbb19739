"""All runs, on lanes side by side."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import redis.asyncio

from tests.chaos.crash.attempt import Run, attempt
from tests.chaos.crash.lane import House, Lane, Variant, lane
from tests.chaos.crash.nursery import nursery
from tests.chaos.crash.steps import STEPS
from tests.chaos.crash.truth import Deliveries
from tests.chaos.crash.user import Manner
from tests.e2e.consumer import consuming
from tests.e2e.neighbours import QuestionService
from tests.e2e.tokens import SECRET

MOST_TRIES: Final = 5
"""How often a run is begun again when another replica takes the step."""

_ENVIRONMENT: Final = {
    "ENV": "test",
    "HOST": "127.0.0.1",
    "PORT": "0",
    "AUTH_ACCESS_SECRET": SECRET,
    "POSTGRES_POOL_SIZE": "4",  # of the three hundred that the private server has for all lanes
}
"""Whatever decides how soon something is recovered is as by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPlan:
    """What to run."""

    times: int = 100
    """Of each step, with each variant; the two manners in turn."""
    steps: Sequence[str] = tuple(STEPS)
    side_by_side: int = 12
    """Lanes; half of them with each variant."""
    limit_seconds: float = 5.0
    """How long after the death everything must be well again."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What came of all runs."""

    runs: list[Run] = field(default_factory=list)
    missed: list[Run] = field(default_factory=list)
    """Begun again, since another replica took the step."""
    remains: list[str] = field(default_factory=list)
    """What was wrong with the lanes' databases at the end."""

    @property
    def is_clean(self) -> bool:
        return not self.remains and not any(run.violations or run.is_late for run in self.runs)


Job = tuple[str, Manner]


@contextlib.asynccontextmanager
async def house(*, postgres_url: str, redis_url: str, rabbitmq_url: str, **settings: str) -> AsyncIterator[House]:
    """Everything that lanes share, over servers that run; *settings* are for every replica."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peerprep-crash-")))
        questions = await stack.enter_async_context(QuestionService())
        consumer = await stack.enter_async_context(consuming(rabbitmq_url))
        where = {"REDIS_URL": redis_url, "RABBITMQ_URL": rabbitmq_url, "QUESTION_SERVICE_URL": questions.url}
        yield House(
            nursery=await stack.enter_async_context(nursery(folder)),
            postgres_url=postgres_url,
            environment=_ENVIRONMENT | where | settings,
            http=await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))),
            index=await stack.enter_async_context(redis.asyncio.Redis.from_url(redis_url, decode_responses=True)),
            deliveries=Deliveries(consumer),
        )


async def perform(plan: CrashPlan, home: House, progress: Callable[[Run], object]) -> Findings:
    """Every step, so many times with each variant; *progress* is called after each run."""
    findings = Findings()
    lanes = max(1, plan.side_by_side // len(Variant))
    async with asyncio.TaskGroup() as side_by_side:
        for variant in Variant:
            jobs = deque((step, manner) for step in plan.steps for manner in _manners(plan.times))
            for _ in range(min(lanes, len(jobs))):
                side_by_side.create_task(_work(plan, home, variant, jobs, findings, progress))
    return findings


def _manners(times: int) -> list[Manner]:
    return [list(Manner)[number % len(Manner)] for number in range(times)]


async def _work(
    plan: CrashPlan,
    home: House,
    variant: Variant,
    jobs: deque[Job],
    findings: Findings,
    progress: Callable[[Run], object],
) -> None:
    """One lane, as long as there is something to do."""
    async with lane(home, variant) as own:
        while jobs:
            step, manner = jobs.popleft()
            run = await _insist(plan, own, step, manner, findings)
            findings.runs.append(run)
            progress(run)
        findings.remains += await own.inspect()


async def _insist(plan: CrashPlan, own: Lane, step: str, manner: Manner, findings: Findings) -> Run:
    for _ in range(MOST_TRIES):
        run = await attempt(own, step, manner, limit_seconds=plan.limit_seconds)
        if run.crashed:
            return run
        findings.missed.append(run)
    return Run(step=step, variant=own.variant, manner=manner, violations=["the step was never taken"])
