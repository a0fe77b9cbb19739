"""Saying the same thing not too often."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 1.0


class Seldom:
    """True once a second: in an outage thousands of commands fail the same way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_at = float("-inf")

    def __call__(self) -> bool:
        now = self._clock()
        if now - self._said_at < PAUSE_SECONDS:
            return False
        self._said_at = now
        return True
