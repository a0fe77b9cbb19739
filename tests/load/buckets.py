"""The bucket actors alone: in this process, over real PostgreSQL and Redis, without HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from time import monotonic
from typing import Final

from rich.console import Console
from rich.progress import Progress
from uuid_utils.compat import uuid7

from actors.messages import Enqueue
from domain import news
from domain.ids import MatchId, RequestId, UserId
from domain.request import Admission, Bucket, Difficulty
from domain.topic import Topics
from messaging.question_bank import QuestionBank
from messaging.rabbitmq import UnconfiguredPublisher
from service.cast import Cast, start_cast
from service.metrics import Metrics
from service.neighbours import Neighbours
from service.settings import load_settings
from service.stores import open_stores
from service.version import VERSION
from tests.load import house, processes, shift
from tests.load.numbers import Latency
from tests.load.processes import Group
from tests.load.report import Report

PATIENCE_SECONDS: Final = 10.0
"""How long nothing may happen before those left are given up."""

POLL_SECONDS: Final = 0.01
TELL_SECONDS: Final = 0.1


class Arrival(StrEnum):
    """How users come."""

    BURST = "burst"
    POISSON = "poisson"


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlan:
    """What is asked for."""

    buckets: int = 8
    users: int = 20_000
    arrival: Arrival = Arrival.BURST
    rate: float = 2000.0
    """Users a second, when they do not come all at once."""
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

    def arrivals(self, users: int) -> Iterator[float]:
        """Seconds from the start, one for each user."""
        chance, moment = random.Random(self.seed), 0.0
        for _ in range(users):
            yield moment
            if self.arrival is Arrival.POISSON:
                moment += chance.expovariate(self.rate)


class Stopwatch:
    """Satisfies ``actors.ports.Notifier``: nobody is told, but the moment is noted."""

    def __init__(self) -> None:
        self.enqueued: dict[UserId, float] = {}
        self.told: dict[MatchId, list[tuple[UserId, float]]] = {}
        self.last = 0.0
        self.errors: Counter[str] = Counter()

    @property
    def paired(self) -> int:
        """Matches of which somebody was told."""
        return len(self.told)

    def tell(self, user_id: UserId, item: news.News) -> None:
        """Note who was matched, and when."""
        if isinstance(item, news.MatchFound):
            self.last = monotonic()
            self.told.setdefault(item.match_id, []).append((user_id, self.last))
        else:
            self.errors[type(item).__name__] += 1

    def check(self, answer: asyncio.Future[Admission]) -> None:
        """Note why somebody was not let in."""
        if (error := answer.exception()) is not None:
            self.errors[type(error).__name__] += 1

    def seconds(self) -> list[float]:
        """For each match, from the second user's intended ``Enqueue`` to both being told."""
        return [
            max(moment for _, moment in both) - max(self.enqueued[user_id] for user_id, _ in both)
            for both in self.told.values()
            if len(both) == 2
        ]


async def measure(plan: BucketPlan, console: Console, stage: house.Stage | None = None) -> Report:
    """Run it, on private servers when no *stage* is given.  Raises ``StartFailed``."""
    with contextlib.ExitStack() as stack:
        stage = stage or stack.enter_context(house.private_servers(rabbitmq=False, fsync=plan.fsync))
        groups = {"actors": Group([os.getpid()], with_children=False), **stage.groups}
        watch = Stopwatch()
        async with _cast(stage, watch) as cast:
            with Progress(console=console) as bar:
                await _phase("warm-up", plan, plan.crowd(plan.warm_up), cast, watch, bar)
                warm_errors, watch.told, watch.errors = watch.errors, {}, Counter()
                await asyncio.sleep(plan.settle)
                before = processes.usage(groups)
                start = await _phase("measuring", plan, plan.crowd(plan.users), cast, watch, bar)
            await asyncio.sleep(plan.settle)
            after = processes.usage(groups)
        return Report(
            program="buckets",
            plan=asdict(plan),
            seconds=round(watch.last - start, 3),
            users=plan.crowd(plan.users),
            matches=watch.paired,
            latency_ms={"paired": Latency.of(watch.seconds())},
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


@contextlib.asynccontextmanager
async def _cast(stage: house.Stage, watch: Stopwatch) -> AsyncIterator[Cast]:
    """The actors of one process, wired as the service does it, but for the sockets and the broker."""
    settings = load_settings(
        database_url=stage.urls.database_url,
        redis_url=stage.urls.redis_url,
        mailbox_limit=1_000_000,
        matching_timeout_seconds=3600,
        confirm_match_timeout_seconds=3600,
    )
    metrics = Metrics(topics=Topics(()), version=VERSION)
    async with contextlib.AsyncExitStack() as stack:
        stores = await open_stores(settings, metrics, stack)
        bank = QuestionBank(choice=random.Random())
        neighbours = Neighbours(questions=bank, users=None, broker=UnconfiguredPublisher())
        cast = start_cast(settings, stores, neighbours, watch, metrics)
        stack.push_async_callback(cast.system.stop)
        yield cast


async def _phase(name: str, plan: BucketPlan, users: int, cast: Cast, watch: Stopwatch, bar: Progress) -> float:
    """When it began, by the machine's monotonic clock; returns once everyone is paired or given up."""
    task = bar.add_task(name, total=users)
    crowd = [UserId(f"{name}-{number}") for number in range(users)]
    goals = [Bucket(Difficulty(difficulty), topic) for difficulty, topic in shift.buckets(plan.buckets)]
    telling = asyncio.create_task(_tell(watch, lambda: bar.update(task, completed=2 * watch.paired)))
    start = monotonic()
    enqueuing = asyncio.create_task(_enqueue(plan, start, crowd, goals, cast, watch))
    await _until_paired(users // 2, enqueuing, watch)
    telling.cancel()
    bar.update(task, completed=2 * watch.paired)
    return start


async def _enqueue(
    plan: BucketPlan, start: float, crowd: Sequence[UserId], goals: Sequence[Bucket], cast: Cast, watch: Stopwatch
) -> None:
    """Let everyone come at the intended moment, and the actors work in between."""
    mailbox = cast.matchmaker._buckets
    for number, (user_id, offset) in enumerate(zip(crowd, plan.arrivals(len(crowd)), strict=True)):
        if (ahead := start + offset - monotonic()) > 0:
            await asyncio.sleep(ahead)
        elif number % 100 == 0:
            await asyncio.sleep(0)
        watch.enqueued[user_id] = start + offset
        answer = mailbox(goals[number % len(goals)]).ask(Enqueue(RequestId(str(uuid7())), user_id))
        answer.when_settled(watch.check)


async def _until_paired(matches: int, enqueuing: asyncio.Task[None], watch: Stopwatch) -> None:
    """Returns when there are so many matches, or when nothing has happened for long after the last arrival."""
    seen, patience = 0, 0.0
    while watch.paired < matches:
        if watch.paired > seen or not enqueuing.done():
            seen, patience = watch.paired, monotonic() + PATIENCE_SECONDS
        elif monotonic() > patience:
            break
        await asyncio.sleep(POLL_SECONDS)
    await enqueuing


async def _tell(watch: Stopwatch, tell: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        tell()
