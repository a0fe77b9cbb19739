"""Noticing actors that hang."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from actors.runtime import Address, Standstill

PATIENCE_SECONDS = 9.0
"""How long the handling of a message may wait for one and the same thing.

Every wait of a handler is for a store, and ends by itself: the longest, for a turn among the writes to
PostgreSQL, after 7 seconds.
"""


class Hung(Exception):
    """The handling of a message has waited too long for one and the same thing."""


class HangWatch:
    """Remembers what each actor was seen to wait for, and since when.

    Work that is only long goes from wait to wait, and is left alone.
    """

    def __init__(self, *, patience_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._seen: dict[Address[Any], tuple[Standstill, float]] = {}

    def look(self, addresses: Iterable[Address[Any]]) -> list[tuple[Address[Any], Standstill]]:
        """Those of *addresses* whose actor hangs, and where; each standstill is told once."""
        now, before, self._seen = self._clock(), self._seen, {}
        hung: list[tuple[Address[Any], Standstill]] = []
        for address in addresses:
            standstill = address.standstill()
            if standstill is None:
                continue
            known, since = before.get(address, (None, now))
            if known != standstill:
                since = now
            if now - since >= self._patience_seconds:
                hung.append((address, standstill))
            else:
                self._seen[address] = standstill, since
        return hung
