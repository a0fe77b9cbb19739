"""A statement that can be held up, for those who share it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence


class Statement:
    """Doubles numbers; each run waits to be let through."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.error: Exception | None = None
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()

    async def __call__(self, questions: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(questions))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [2 * question for question in questions]


async def started(statement: Statement, batches: int) -> None:
    while len(statement.batches) < batches:  # noqa: ASYNC110
        await asyncio.sleep(0)
