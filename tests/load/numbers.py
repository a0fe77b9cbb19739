"""From many measurements to a few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution, in milliseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """The distribution of *seconds*; all zero when there are none."""
        ordered = sorted(seconds)
        p50, p90, p99, most = (round(percentile(ordered, share) * 1000, 3) for share in (0.5, 0.9, 0.99, 1.0))
        return cls(len(ordered), p50, p90, p99, most)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured, and never a better one; 0.0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
