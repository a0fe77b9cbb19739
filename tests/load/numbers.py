"""From many measurements to a few."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

SHARES: Final = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999)

Curve = Sequence[tuple[float, float]]
"""Percentiles with their milliseconds."""


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


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each second of a phase; milliseconds are 0.0 where nothing ended."""

    count: Sequence[int] = ()
    p50: Sequence[float] = ()
    p99: Sequence[float] = ()

    @classmethod
    def of(cls, ends: Iterable[tuple[float, float]], start: float) -> Series:
        """Of moments with the seconds that something had taken by then, from *start* on."""
        seconds: dict[int, list[float]] = defaultdict(list)
        for moment, took in ends:
            seconds[max(0, int(moment - start))].append(took)
        latencies = [Latency.of(seconds[number]) for number in range(max(seconds, default=-1) + 1)]
        return cls(*zip(*((one.count, one.p50, one.p99) for one in latencies), strict=True))


def whole(values: Sequence[float]) -> Sequence[float]:
    """Without the last second, which is seldom a whole one, unless there is no other."""
    return values[:-1] or values


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was really measured, and never a better one; 0.0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def curve(seconds: Sequence[float]) -> Curve:
    """The percentiles that so many measurements can show; the last point is the longest."""
    ordered = sorted(seconds)
    if not ordered:
        return ()
    count = len(ordered)
    shown = [(100 * share, percentile(ordered, share)) for share in SHARES if (1 - share) * count >= 1]
    return [(round(at, 4), round(1000 * one, 3)) for at, one in (*shown, (100 - 50 / count, ordered[-1]))]
