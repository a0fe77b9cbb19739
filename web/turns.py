"""Waiting for one's turn, and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal


class Turns(asyncio.Semaphore):
    """A semaphore that knows how long those have waited who wait for it."""

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(most)
        self._clock = clock
        self._waiting: dict[object, float] = {}

    async def acquire(self) -> Literal[True]:
        """Returns at one's turn; first come, first served."""
        ticket = object()
        self._waiting[ticket] = self._clock()
        try:
            return await super().acquire()
        finally:
            del self._waiting[ticket]

    @property
    def delay(self) -> float:
        """How long the one who is next has waited, in seconds; 0 when nobody waits."""
        since = next(iter(self._waiting.values()), None)
        return 0.0 if since is None else self._clock() - since
