"""How often is often enough: resting after a failure, and saying a thing once a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

Clock = Callable[[], float]
"""Monotonic seconds."""


class Rest:
    """After a failure, a moment in which nothing is tried.

    ::

        READY --failed--> RESTING --some seconds--> READY
    """

    def __init__(self, *, seconds: float, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = -float("inf")

    @property
    def is_on(self) -> bool:
        """Whether the last failure is too recent to try again."""
        return self._clock() < self._until

    def begin(self) -> None:
        """Note a failure."""
        self._until = self._clock() + self._seconds


class Seldom:
    """Lets the same thing be said once per so many seconds, however often it happens."""

    def __init__(self, *, seconds: float = 60.0, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._said: dict[Hashable, float] = {}

    def is_due(self, what: Hashable) -> bool:
        """Whether *what*, one of a few constants, is to be said now."""
        now = self._clock()
        due = now - self._said.get(what, -float("inf")) >= self._seconds
        if due:
            self._said[what] = now
        return due
