"""A fault as an asynchronous generator: it breaks something, yields while that is so, and gives it back."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.chaos.town import Town

How = Callable[["Town", int, random.Random], AsyncGenerator[None, None]]

AT_ONCE: Final = (0.0, 0.0)
"""The length of what is over as soon as it has happened."""
VICTIM: Final = "victim"
"""Stands for the replica that was chosen."""
REPLICAS: Final = "replicas"
"""Stands for all of them."""


@dataclass(slots=True, kw_only=True)
class Row:
    """Satisfies :class:`tests.chaos.faults.fault.Fault`."""

    name: str
    number: str
    title: str
    seconds: tuple[float, float]
    heavy: bool
    needs_disk: bool
    """Whether it means nothing unless the stores wait for the disk."""
    breaks: Sequence[str]
    how: How
    missing: Callable[[], str]

    def available(self) -> str:
        return self.missing()

    def touches(self, town: Town, victim: int) -> Sequence[str]:
        everybody = [f"replica-{number}" for number in range(town.plan.replicas)]
        stand_for = {VICTIM: [f"replica-{victim}"], REPLICAS: everybody}
        return [name for broken in self.breaks for name in stand_for.get(broken, [broken])]

    def inflict(self, town: Town, victim: int, chance: random.Random) -> AbstractAsyncContextManager[None]:
        return asynccontextmanager(self.how)(town, victim, chance)


def fault(
    name: str,
    number: str,
    title: str,
    *breaks: str,
    seconds: tuple[float, float] = AT_ONCE,
    heavy: bool = False,
    needs_disk: bool = False,
    missing: Callable[[], str] = lambda: "",
) -> Callable[[How], Row]:
    """Make a generator function the fault *name*, which touches what *breaks* names."""

    def make(how: How) -> Row:
        return Row(
            name=name, number=number, title=title, seconds=seconds, heavy=heavy, needs_disk=needs_disk, breaks=breaks,
            how=how, missing=missing,
        )  # fmt: skip

    return make


@contextlib.asynccontextmanager
async def repeating(action: Callable[[], Awaitable[object]], *, every: float) -> AsyncIterator[None]:
    """*action* at once, and again and again inside the block."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(every)
            await action()

    await action()
    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()):
        raise error
