"""Waiting for what must come, without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def eventually(holds: Callable[[], object], *, seconds: float = 5) -> None:
    """Return once *holds*; fail after *seconds*."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - any actor's next turn may be the one
            await asyncio.sleep(0)


async def a_few_turns(turns: int = 30) -> None:
    """Let everything happen that is due, when the point is that nothing does."""
    for _ in range(turns):
        await asyncio.sleep(0)
