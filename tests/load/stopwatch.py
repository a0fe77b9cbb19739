"""Who was matched, and when."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic

from domain import news
from domain.ids import MatchId, UserId
from domain.request import Admission


class Stopwatch:
    """Satisfies ``actors.ports.Notifier``: nobody is told, but the moment is noted."""

    def __init__(self) -> None:
        self.enqueued: dict[UserId, float] = {}
        self.told: dict[MatchId, list[tuple[UserId, float]]] = {}
        self.last = 0.0
        self.errors: Counter[str] = Counter()

    @property
    def paired(self) -> int:
        """Matches of which somebody was told."""
        return len(self.told)

    def reset(self) -> Counter[str]:
        """Begin anew; returns the errors so far."""
        errors, self.told, self.errors = self.errors, {}, Counter()
        return errors

    def tell(self, user_id: UserId, item: news.News) -> None:
        """Note who was matched, and when."""
        if isinstance(item, news.MatchFound):
            self.last = monotonic()
            self.told.setdefault(item.match_id, []).append((user_id, self.last))
        else:
            self.errors[type(item).__name__] += 1

    def check(self, answer: asyncio.Future[Admission]) -> None:
        """Note why somebody was not let in."""
        if (error := answer.exception()) is not None:
            self.errors[type(error).__name__] += 1

    def ends(self) -> list[tuple[float, float]]:
        """For each match, when both were told, and how long after the second user's intended ``Enqueue``."""
        found = []
        for both in self.told.values():
            if len(both) == 2:
                end = max(moment for _, moment in both)
                found.append((end, end - max(self.enqueued[user_id] for user_id, _ in both)))
        return found
