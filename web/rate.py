"""How often one user may call.

Counted per replica, in fixed windows.  The `limits` library reads the setting; its in-memory storage is not
used, because it walks over every user's counter as calls come in (measured: 0.3 ms a call at 1,500 users).
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable

import limits

from domain.ids import UserId
from web.errors import RateLimited


class RateLimit:
    """Counts calls; all counters start anew together, at the end of each window."""

    def __init__(self, limit: str | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        item = limits.parse(limit) if limit else None
        self._most = item.amount if item else 0
        self._window_seconds = item.get_expiry() if item else 0
        self._clock = clock
        self._ends_at = -math.inf
        self._calls: Counter[UserId] = Counter()

    def count(self, user_id: UserId) -> None:
        """Count one call.  Raises ``RateLimited`` when it is one too many."""
        if not self._most:
            return
        now = self._clock()
        if now >= self._ends_at:
            self._calls.clear()
            self._ends_at = now + self._window_seconds
        self._calls[user_id] += 1
        if self._calls[user_id] > self._most:
            raise RateLimited(math.ceil(self._ends_at - now))
