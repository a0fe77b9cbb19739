"""Metrics that are collected when somebody looks, and values that stay few."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX: Final = "matching"
OTHER: Final = "other"
MOST_VALUES: Final = 64
"""Of one label; what comes later is ``other``."""
BUCKET: Final = ("difficulty", "topic")

Depths = Callable[[], Iterable[tuple[str, int]]]
"""Kind and mailbox depth of every actor."""

LeftOut = Callable[[], Mapping[str, int]]
"""Log lines that were not written, by action."""


class Bounded:
    """The first so many different values as they are, all others as one."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        if value not in self._seen:
            if len(self._seen) >= MOST_VALUES:
                return OTHER
            self._seen.add(value)
        return value


class Actors(Collector):
    """Mailboxes, counted when somebody looks."""

    def __init__(self) -> None:
        self.depths: Depths = list

    def collect(self) -> Iterator[Metric]:
        by_kind: dict[str, list[int]] = {}
        for kind, depth in self.depths():
            by_kind.setdefault(kind, []).append(depth)
        for name, text, measure in (
            ("actors", "Actors that run, by kind.", len),
            ("mailbox_depth", "Messages that wait in the mailboxes of all actors of a kind.", sum),
            ("mailbox_depth_max", "Messages that wait in the fullest mailbox of a kind.", max),
        ):
            family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["kind"])
            for kind, depths in by_kind.items():
                family.add_metric([kind], measure(depths))
            yield family


class Lines(Collector):
    """Log lines that were not written, counted when somebody looks."""

    def __init__(self) -> None:
        self.left_out: LeftOut = dict
        self._bounded = Bounded()

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(
            f"{PREFIX}_log_lines_left_out", "Log lines not written, as there were too many.", labels=["action"]
        )
        counts: dict[str, int] = {}
        for action, count in self.left_out().items():
            label = self._bounded(action)
            counts[label] = counts.get(label, 0) + count
        for label, count in counts.items():
            family.add_metric([label], count)
        yield family


class Queues(Collector):
    """The queues as the last census found them: buckets that are gone leave no series behind."""

    def __init__(self) -> None:
        self.census: dict[tuple[str, str], tuple[int, float]] = {}

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            f"{PREFIX}_queue_depth", "Pending requests, by every replica's count: do not add up.", labels=BUCKET
        )
        oldest = GaugeMetricFamily(
            f"{PREFIX}_queue_oldest_wait_seconds", "How long the oldest pending request has waited.", labels=BUCKET
        )
        for labels, (waiting, seconds) in self.census.items():
            depth.add_metric(labels, waiting)
            oldest.add_metric(labels, seconds)
        yield depth
        yield oldest
