"""No more lines than a disk and a reader can take."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, WrappedLogger


class LineLimit(logging.Filter):
    """Lets so many lines of each action, or of each library, through in a second; what is critical always.

    The first line after that says how many were ``left_out``.
    """

    def __init__(self, per_second: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.left_out: Counter[str] = Counter()
        """Lines that were not written since the start, by action or logger."""
        self._per_second = per_second
        self._clock = clock
        self._ends_at = float("-inf")
        self._written: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record*, of a library, is written."""
        if record.levelno >= logging.CRITICAL:
            return True
        left_out = self._count(record.name)
        if left_out:
            record.msg = f"{record.msg} ({left_out} more were left out)"
        return left_out is not None

    def of_ours(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """*event*, one of ours, if it is written.  Raises ``structlog.DropEvent`` otherwise."""
        if method == "critical":
            return event
        left_out = self._count(str(event.get("action", logger.name)))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["left_out"] = left_out
        return event

    def _count(self, key: str) -> int | None:
        """How many lines of *key* were left out since the last that was written; None when this one is, too."""
        now = self._clock()
        if now >= self._ends_at:
            self._written.clear()
            self._ends_at = now + 1
        self._written[key] += 1
        if self._written[key] > self._per_second:
            self.left_out[key] += 1
            self._untold[key] += 1
            return None
        return self._untold.pop(key, 0)
