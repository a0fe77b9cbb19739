"""Calls that wait at the same time share one trip to a store."""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from domain.errors import StoreUnavailable

MOST_WAITING: Final = 4000
"""Calls that wait for a statement: with 200 in each, and two side by side, ten statements long."""

PATIENCE_SECONDS: Final = 7.0
"""How long a call waits: longer than the longest statement, and not so long that whoever asks is taken to hang."""

ARRIVAL_SECONDS: Final = 0.030
"""How long after a statement the next one may begin, in a crowd, where calls come from outside, one by one.  Each
statement wakes PostgreSQL and us; an answer comes some 15 ms later.  See docs/decisions/2026-11-25-waves.md."""

PATIENT_ARRIVAL_SECONDS: Final = 0.050
"""The same where another moment is nothing to whoever waits: how somebody stands who has just connected, and a yes.

With both, a hundred matches a second take one and a half statements each, of ten."""

GATHER_SECONDS: Final = 0.001
"""The same for calls that follow from others: what arrived together goes on together, and need not be waited for."""

LEISURE_SECONDS: Final = 0.005
"""How long a call that is in no hurry waits for company."""

CROWD: Final = 4.0
MEMORY_SECONDS: Final = 0.05
"""A crowd are so many calls lately; after so many seconds a call counts half.  Two who wait alone wait for nobody."""

Q = TypeVar("Q")
A = TypeVar("A")


class Coalescer(Generic[Q, A]):
    """Collects calls while a statement is in flight; each caller gets its own row's answer.

    Measured with PostgreSQL 15 on loopback: an insert alone costs 430 µs of CPU in both processes, one in
    a batch of fifty 51 µs.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        store: str = "postgres",
        lock_order: Callable[[Q], str] | None = None,
        most: int = 200,
        lanes: int = 2,
        most_waiting: int = MOST_WAITING,
        patience_seconds: float = PATIENCE_SECONDS,
        gather_seconds: float = GATHER_SECONDS,
        fails_together: bool = False,
    ) -> None:
        """*run* answers a batch, in order, at *store*; *most* calls share one, *lanes* batches run side by side.

        In a crowd, a batch that is not full begins *gather_seconds* after the last one, or later.

        At most *most_waiting* calls wait for their turn, for *patience_seconds* at most.

        With *fails_together*, what one batch raises those who wait get too, instead of trying in vain themselves.

        With *lock_order*, a batch is sorted by it: two that lock the same rows never wait in a circle.
        """
        self._store = store
        self._lock_order = lock_order
        self._run = run
        self._most = most
        self._most_waiting = most_waiting
        self._patience_seconds = patience_seconds
        self._fails_together = fails_together
        self._gather_seconds = gather_seconds
        self._gather_until = 0.0
        self._crowd = 0.0
        self._asked_at = 0.0
        self._gathering: asyncio.TimerHandle | None = None
        self._leisure: asyncio.TimerHandle | None = None
        self._in_hurry = False
        self._is_beginning = False
        self._free_lanes = lanes
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._asked: deque[tuple[float, asyncio.Future[A]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, question: Q) -> A:
        """The answer to *question*; raises what its batch raised.

        Raises ``StoreUnavailable`` when too many wait already, or the answer does not come in time.
        """
        self._expect_room(1)
        answer = self._ask(question)
        self._hurry()
        return await answer

    async def at_leisure(self, question: Q) -> A:
        """The same in no hurry: with whoever comes next, or after a moment."""
        self._expect_room(1)
        answer = self._ask(question)
        if self._leisure is None:
            self._leisure = asyncio.get_running_loop().call_later(LEISURE_SECONDS, self._end_leisure)
        return await answer

    async def all(self, questions: Sequence[Q]) -> list[A]:
        """The answers to *questions*, in order; otherwise the same."""
        self._expect_room(len(questions))
        answers = [self._ask(question) for question in questions]
        self._hurry()
        return [await answers[0]] if len(answers) == 1 else await asyncio.gather(*answers)

    def _expect_room(self, newcomers: int) -> None:
        if self._waiting and len(self._waiting) + newcomers > self._most_waiting:
            raise StoreUnavailable(self._store)

    def _ask(self, question: Q) -> asyncio.Future[A]:
        loop = asyncio.get_running_loop()
        now = loop.time()
        until = now + self._patience_seconds
        self._crowd = self._crowd * 0.5 ** ((now - self._asked_at) / MEMORY_SECONDS) + 1
        self._asked_at = now
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((question, answer))
        self._asked.append((until, answer))
        if self._watch is None:
            self._watch = loop.call_at(until, self._lose_patience)
        return answer

    def _lose_patience(self) -> None:
        """Give up what is not answered in time.  One timer for all: one for every call cost more than the rest here."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._asked and (self._asked[0][0] <= now or self._asked[0][1].done()):
            _, answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(StoreUnavailable(self._store))
        self._watch = loop.call_at(self._asked[0][0], self._lose_patience) if self._asked else None

    def _end_leisure(self) -> None:
        self._leisure = None
        self._hurry()

    def _hurry(self) -> None:
        self._in_hurry = True
        self._begin_soon()

    def _begin_soon(self) -> None:
        """Begin a batch at once when it is full or the last one was a while ago; otherwise after a moment.

        Whoever asks before a batch has really begun goes along.
        """
        if self._is_beginning or not (self._waiting and self._free_lanes and self._in_hurry):
            return
        loop = asyncio.get_running_loop()
        if self._crowd < CROWD or len(self._waiting) >= self._most or loop.time() >= self._gather_until:
            self._begin()
        elif self._gathering is None:
            self._gathering = loop.call_at(self._gather_until, self._begin)

    def _begin(self) -> None:
        for timer in (self._gathering, self._leisure):
            if timer is not None:
                timer.cancel()
        self._gathering = self._leisure = None
        if not (self._waiting and self._free_lanes):
            return
        loop = asyncio.get_running_loop()
        self._free_lanes -= 1
        self._is_beginning = True
        self._gather_until = loop.time() + self._gather_seconds
        task = loop.create_task(self._share(), context=contextvars.Context())  # nobody's in particular
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _share(self) -> None:
        """One batch of those who wait, and what comes after it."""
        try:
            self._is_beginning = False
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._in_hurry = bool(self._waiting)
            self._begin_soon()
            batch = [one for one in batch if not one[1].done()]  # whose asker has not given up
            if (key := self._lock_order) is not None:
                batch.sort(key=lambda one: key(one[0]))
            if batch:
                await self._answer(batch)
        finally:
            self._free_lanes += 1
            self._begin_soon()
            while self._asked and self._asked[0][1].done():
                self._asked.popleft()

    async def _answer(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            values = await self._run([question for question, _ in batch])
            answers = list(zip(batch, values, strict=True))
        except Exception as error:  # noqa: BLE001 - every caller gets it
            self._fail(batch, error)
        except BaseException:
            self._fail(batch, StoreUnavailable(self._store))
            raise
        else:
            for (_, answer), value in answers:
                if not answer.done():
                    answer.set_result(value)

    def _fail(self, batch: Sequence[tuple[Q, asyncio.Future[A]]], error: Exception) -> None:
        if self._fails_together:
            batch, self._waiting = [*batch, *self._waiting], []
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(error)
