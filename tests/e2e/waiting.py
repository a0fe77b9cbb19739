"""Waiting for what happens in other processes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 10.0
"""Far more than anything takes: a test that needs this long has failed."""

LOOK_SECONDS = 0.01


async def until(
    look: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS, every: float = LOOK_SECONDS, what: str = ""
) -> Any:
    """What *look*, which may be a coroutine function, returns as soon as that is true; fails after *seconds*."""
    found: Any = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = look()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(
            f"not within {seconds} s: {what or inspect.getsource(look).strip()}; last {found}"
        ) from None
