"""Questions of our own, for developing without a Question Service."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from domain.errors import NeighbourUnavailable
from domain.ids import QuestionId
from domain.request import Bucket
from domain.session import Question
from messaging.pace import Clock, Rest

log = structlog.get_logger()

RETRY_SECONDS: Final = 15.0

TITLES: Final = {
    "array": ("Rotate a row of lockers", "Largest sum of neighbours", "Meet in the middle of two sorted lists"),
    "string": ("Undo a careless copy and paste", "Longest word without a repeat", "Is one word hidden in another"),
    "linked list": ("Find where the train loops", "Reverse every second wagon", "Merge two queues at a counter"),
    "stack": ("Balance the brackets of a recipe", "Next warmer day", "A stack that knows its smallest plate"),
    "queue": ("A queue made of two stacks", "First visitor who came once", "Share a printer fairly"),
    "hash table": ("Two coins that pay exactly", "Group words made of the same letters", "Most frequent guest"),
    "tree": ("Level by level through a family", "Is the mobile balanced", "Nearest common ancestor of two files"),
    "graph": ("Fewest hops between two stations", "Order courses by prerequisite", "Count the islands on a map"),
    "heap": ("The k busiest hours", "Running median of a thermometer", "Merge many sorted diaries"),
    "dynamic programming": ("Ways up a staircase", "Fewest coins for a sum", "Longest story two diaries share"),
    "greedy": ("Most talks in one room", "Fewest platforms for a timetable", "Fill up as rarely as possible"),
    "binary search": ("First broken release", "Slowest boat that arrives in time", "A peak in a mountain range"),
    "sorting": ("Sort three colours in one pass", "Merge overlapping bookings", "Rank by two columns"),
    "recursion": ("All orders of a playlist", "Every way to pack a bag", "Place queens that never meet"),
    "bit manipulation": ("The sock without a partner", "Count switched-on lamps", "Swap two mugs without a third"),
}
"""By topic in small letters, the easiest first."""
ANY_TOPIC: Final = ("Explain {topic} by an example", "Solve a small problem with {topic}", "Where {topic} goes wrong")


class QuestionBank:
    """A question for every bucket, without asking anyone."""

    def __init__(self, *, choice: random.Random) -> None:
        self._choice = choice

    async def pick(self, bucket: Bucket) -> Question:
        """One of a few questions for *bucket*; never raises."""
        return self.at_hand(bucket)

    def at_hand(self, bucket: Bucket) -> Question:
        """The same."""
        return self._choice.choice(_all_for(bucket))


class _Questions(Protocol):
    async def pick(self, bucket: Bucket) -> Question: ...

    def at_hand(self, bucket: Bucket) -> Question | None: ...


class DevQuestions:
    """The Question Service where there is one, the bank where not; says so once."""

    def __init__(self, primary: _Questions | None, bank: _Questions, *, clock: Clock = time.monotonic) -> None:
        self._primary = primary
        self._bank = bank
        self._rest = Rest(seconds=RETRY_SECONDS, clock=clock)
        self._has_said = False

    async def pick(self, bucket: Bucket) -> Question:
        """A question for *bucket*; never raises."""
        if self._primary is not None and not self._rest.is_on:
            try:
                return await self._primary.pick(bucket)
            except NeighbourUnavailable:
                self._rest.begin()
        self._say_once()
        return await self._bank.pick(bucket)

    def at_hand(self, bucket: Bucket) -> Question | None:
        """The same without asking anyone, where that is possible."""
        if self._primary is not None:
            return self._primary.at_hand(bucket)
        self._say_once()
        return self._bank.at_hand(bucket)

    def _say_once(self) -> None:
        if not self._has_said:
            log.warning("no Question Service: questions come from the built-in bank", action="use_question_bank")
            self._has_said = True


@functools.lru_cache(maxsize=1000)
def _all_for(bucket: Bucket) -> Sequence[Question]:
    titles = TITLES.get(bucket.topic.casefold(), ANY_TOPIC)
    return [
        Question(
            id=QuestionId(f"bank-{bucket.difficulty}-{_slug(bucket.topic)}-{number}"),
            title=title.format(topic=bucket.topic),
            difficulty=bucket.difficulty.value,
            topics=(bucket.topic,),
        )
        for number, title in enumerate(titles, start=1)
    ]


def _slug(topic: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in topic.casefold())
