"""More and more bucket actors: busy ones, and idle ones."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from statistics import median
from time import monotonic
from typing import Any, Final

from uuid_utils import uuid7

from actors.messages import Enqueue
from actors.runtime import Address
from domain.ids import RequestId, UserId
from domain.request import Bucket, Difficulty
from tests.load import processes
from tests.load.growth.crowd import Crowd
from tests.load.growth.subject import Subject
from tests.load.processes import Group

WAVE: Final = 200
"""Actors that start at once: each looks into its slice first."""

POLL_SECONDS: Final = 0.001
ROUNDS: Final = 2

Visit = Callable[[Sequence[Bucket]], Awaitable[object]]


async def busy(sizes: Sequence[int], crowd: Crowd) -> list[Subject]:
    """What a match costs when the same users come to so many buckets: the median of rounds taken in turn."""
    taken = [{size: await crowd.cost(f"{size:,} buckets", size) for size in sizes} for _ in range(ROUNDS)]
    points = [(size, {name: median(one[size][name] for one in taken) for name in taken[0][size]}) for size in sizes]
    return [Subject(title="CPU per match, ms", grows="busy buckets", points=points)]


async def idle(sizes: Sequence[int], crowd: Crowd) -> list[Subject]:
    """What so many idle bucket actors take, and one waiting user more in each of them."""
    mailbox = crowd.actors.matchmaker._buckets
    goals = [Bucket(Difficulty.MEDIUM, f"Idle {number}") for number in range(max(sizes, default=0))]

    async def start(wave: Sequence[Bucket]) -> None:
        for address in [mailbox(goal) for goal in wave]:
            await _rests(address)

    async def enter(wave: Sequence[Bucket]) -> None:
        entering = [mailbox(goal).ask(Enqueue(RequestId(str(uuid7())), UserId(f"alone in {goal}"))) for goal in wave]
        for answer in entering:
            await answer

    for visit in (start, enter):
        await visit([Bucket(Difficulty.MEDIUM, f"Warm {number}") for number in range(WAVE)])
    visits = {"bucket": await _grown(sizes, goals, start), "waiting user": await _grown(sizes, goals, enter)}
    points = {
        title: [(size, {name: grown[size][place] for name, grown in visits.items()}) for size in sizes]
        for place, title in enumerate(("Memory of one in this process, KiB", "Come in a second"))
    }
    return [Subject(title=title, grows="idle buckets", points=of, is_cost=False) for title, of in points.items()]


async def _grown(sizes: Sequence[int], goals: Sequence[Bucket], visit: Visit) -> dict[int, tuple[float, float]]:
    """For each size, KiB of each one more and how many a second."""
    found: dict[int, tuple[float, float]] = {}
    there = 0
    for size in sizes:
        before, began = _rss_kib(), monotonic()
        for wave in _waves(goals[there:size]):
            await visit(wave)
        more, seconds = size - there, monotonic() - began
        found[size] = round((_rss_kib() - before) / more, 2), round(more / seconds, 1)
        there = size
    return found


def _waves(goals: Sequence[Bucket]) -> Iterable[Sequence[Bucket]]:
    return (goals[first : first + WAVE] for first in range(0, len(goals), WAVE))


async def _rests(address: Address[Any]) -> None:
    """Returns when the actor has looked around and waits for mail."""
    while True:
        if address.standstill() is None:
            return
        await asyncio.sleep(POLL_SECONDS)


def _rss_kib() -> float:
    gc.collect()
    usage = processes.usage({"actors": Group([os.getpid()], with_children=False)})
    return usage["actors"].rss_bytes / 1024 if usage else 0.0
