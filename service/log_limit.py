"""No more lines than a disk and a reader can take."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable


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
        """Whether *record* is written."""
        if record.levelno >= logging.CRITICAL:
            return True
        key = _key(record)
        now = self._clock()
        if now >= self._ends_at:
            self._written.clear()
            self._ends_at = now + 1
        self._written[key] += 1
        if self._written[key] > self._per_second:
            self.left_out[key] += 1
            self._untold[key] += 1
            return False
        if untold := self._untold.pop(key, 0):
            _say(record, untold)
        return True


def _key(record: logging.LogRecord) -> str:
    return str(record.msg.get("action", record.name)) if isinstance(record.msg, dict) else record.name


def _say(record: logging.LogRecord, left_out: int) -> None:
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "left_out": left_out}
    else:
        record.msg = f"{record.msg} ({left_out} more were left out)"
