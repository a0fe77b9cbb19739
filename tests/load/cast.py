"""The actors of one process, and a crowd that comes to their buckets."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from time import monotonic
from typing import Final

from rich.progress import Progress
from uuid_utils import uuid7

from actors.messages import Enqueue
from domain.ids import RequestId, UserId
from domain.request import Bucket, Difficulty
from domain.topic import Topics
from messaging.question_bank import QuestionBank
from messaging.rabbitmq import UnconfiguredPublisher
from service.cast import Cast, start_cast
from service.garbage import tend_garbage
from service.metrics import Metrics
from service.neighbours import Neighbours
from service.settings import load_settings
from service.stores import Stores, open_stores
from service.version import VERSION
from tests.load import house, shift
from tests.load.stopwatch import Stopwatch

PATIENCE_SECONDS: Final = 10.0
"""How long nothing may happen before those left are given up."""

POLL_SECONDS: Final = 0.01
TELL_SECONDS: Final = 0.1

_plays = count(1)


@contextlib.asynccontextmanager
async def started(
    stage: house.Stage, watch: Stopwatch, look_at: Callable[[Stores], None] = lambda _: None
) -> AsyncIterator[Cast]:
    """The actors, wired as the service does it, but for the sockets and the broker; *look_at* sees the stores first."""
    settings = load_settings(
        database_url=stage.urls.database_url,
        redis_url=stage.urls.redis_url,
        mailbox_limit=1_000_000,
        max_buckets=100_000,
        bucket_idle_seconds=3600,
        matching_timeout_seconds=3600,
        confirm_match_timeout_seconds=3600,
    )
    metrics = Metrics(topics=Topics(()), version=VERSION)
    async with contextlib.AsyncExitStack() as stack:
        stores = await open_stores(settings, metrics, stack)
        look_at(stores)
        bank = QuestionBank(choice=random.Random())
        neighbours = Neighbours(questions=bank, users=None, broker=UnconfiguredPublisher())
        cast = start_cast(settings, stores, neighbours, watch, metrics)
        stack.push_async_callback(cast.system.stop)
        tend_garbage()
        yield cast


async def play(name: str, moments: Sequence[float], buckets: int, cast: Cast, watch: Stopwatch, bar: Progress) -> float:
    """When it began, by the machine's monotonic clock; returns once everyone is paired or given up."""
    task = bar.add_task(name, total=len(moments))
    telling = asyncio.create_task(_tell(watch, lambda: bar.update(task, completed=2 * watch.paired)))
    start = monotonic()
    goals = [Bucket(Difficulty(difficulty), topic) for difficulty, topic in shift.buckets(buckets)]
    people = f"{name} {next(_plays)}"  # nobody comes twice
    enqueuing = asyncio.create_task(_enqueue(people, [start + one for one in moments], goals, cast, watch))
    await _until_paired(len(moments) // 2, enqueuing, watch)
    telling.cancel()
    bar.update(task, completed=2 * watch.paired)
    return start


async def _enqueue(name: str, moments: Sequence[float], goals: Sequence[Bucket], cast: Cast, watch: Stopwatch) -> None:
    """Let everyone come at the intended moment, and the actors work in between."""
    mailbox = cast.matchmaker._buckets
    for number, moment in enumerate(moments):
        if (ahead := moment - monotonic()) > 0:
            await asyncio.sleep(ahead)
        elif number % 100 == 0:
            await asyncio.sleep(0)
        user_id = UserId(f"{name}-{number}")
        watch.enqueued[user_id] = moment
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
