"""When something was broken, and how late things may be because of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from tests.chaos.evidence import FaultSpan

Span = tuple[float, float]


class Windows:
    """Spans of time in which something was broken, merged where they overlap."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = _merged(spans)
        self._ends = [end for _, end in self._spans]

    def latest(self, moment: float, seconds: float) -> float:
        """By when what follows *moment* within *seconds* must have come.

        The clock starts anew when a fault that came between is healed.
        """
        due = moment + seconds
        for begin, end in self._spans[bisect_left(self._ends, moment) :]:
            if begin > due:
                break
            due = end + seconds
        return due

    def touch(self, begin: float, end: float) -> bool:
        """Whether anything was broken between the two."""
        index = bisect_left(self._ends, begin)
        return index < len(self._spans) and self._spans[index][0] <= end


def of_faults(faults: Iterable[FaultSpan], *, after: float = 0.0) -> Windows:
    """Whenever PostgreSQL, Redis or a replica was touched, and *after* seconds more."""
    return Windows((one.began, one.healed + after) for one in faults if any(map(_matters, one.touches)))


def of_the_truth(faults: Sequence[FaultSpan], replicas: int) -> Windows:
    """Whenever nobody could reach PostgreSQL: it was touched itself, or every replica was."""
    return Windows(
        (one.began, one.healed)
        for one in faults
        if "postgres" in one.touches or sum(name.startswith("replica-") for name in set(one.touches)) >= replicas
    )


def _matters(touched: str) -> bool:
    return touched in ("postgres", "redis") or touched.startswith("replica-")


def _merged(spans: Iterable[Span]) -> Sequence[Span]:
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged
