"""What Prometheus is told.

One object counts for the actors, the web edge and the messaging adapters; each knows it as a Protocol of
its own.  Every label comes from a small set: topics that are not configured are counted as ``other``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from domain.census import BucketCensus, OutboxCensus
from domain.match import MatchState
from domain.reasons import EndReason
from domain.request import Bucket
from domain.topic import Topics
from service.collectors import BUCKET, OTHER, PREFIX, Actors, Bounded, Depths, LeftOut, Lines, Queues
from service.ledger import Ledger, noted

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PEOPLE_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300)
_MACHINE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


M = TypeVar("M", Counter, Histogram)


class _Children(dict[tuple[str, ...], M]):
    """A metric by the values of its labels, of which there are few: the library looks them up under a lock."""

    def __init__(self, metric: M) -> None:
        super().__init__()
        self._metric: M = metric

    def __missing__(self, labels: tuple[str, ...]) -> M:
        child: M = self._metric.labels(*labels)
        self[labels] = child
        return child


class Metrics:
    """All metrics of this process, in a registry of their own.  Counting never raises and never waits.

    What happens for every match or call is noted and counted later, the rest at once.
    """

    def __init__(self, *, topics: Topics, version: str) -> None:
        self.registry = CollectorRegistry()
        self.ledger = Ledger()
        self.registry.register(self.ledger)  # first: what is collected after it is complete
        self._topics = topics
        self._bounded = defaultdict[str, Bounded](Bounded)
        self._actors = Actors()
        self._queues = Queues()
        self._lines = Lines()
        for collector in (self._actors, self._queues, self._lines):
            self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._make_matching()
        self._make_edges()
        self._gauge("build_info", "The version that runs.", "version").labels(version).set(1)

    def _make_matching(self) -> None:
        self._requests = _Children(self._counter("requests_ended", "Requests by how they ended.", *BUCKET, "outcome"))
        self._proposed = _Children(self._counter("matches_proposed", "Pairs that were made.", *BUCKET))
        self._matches = _Children(self._counter("matches_ended", "Matches by what became of them.", *BUCKET, "outcome"))
        self._waits = _Children(self._histogram("wait_seconds", "From request to pair.", _PEOPLE_SECONDS, "difficulty"))
        self._confirming = self._histogram("confirmation_seconds", "From pair to both confirmed.", _PEOPLE_SECONDS)
        self._opening = self._histogram(
            "session_opening_seconds", "From both confirmed to a session that can be read.", _MACHINE_SECONDS
        )
        self._restarts = self._counter("actor_restarts", "Actors that failed and were replaced.", "kind")
        self._hangs = self._counter("actor_hangs", "Actors that hung and were replaced.", "kind")
        self._left_behind = self._counter("left_behind", "What the janitor found and handed over.", "what")

    def _make_edges(self) -> None:
        self._outbox_depth = self._gauge("outbox_depth", "Events that wait to be published.")
        self._outbox_oldest = self._gauge("outbox_oldest_seconds", "How long the oldest of them has waited.")
        self._published = self._counter("events_published", "Events the broker confirmed and routed.")
        self._unroutable = self._counter(
            "events_unroutable", "Events that came back: no queue is bound for them.", "routing_key"
        )
        self._dependencies = self._counter("dependency_errors", "Failures of what we depend on.", "dependency")
        self._sockets = self._gauge("sockets", "Open WebSockets.")
        self._connections = self._gauge("connections", "Clients connected, WebSockets included.")
        self._turned_away = self._counter("turned_away", "Newcomers refused to keep serving others, by why.", "why")
        self._closed = self._counter("sockets_closed", "WebSockets closed, by code.", "code")
        self._frames = self._counter("frames_pushed", "Frames put into the outboxes of sockets.")
        self._answers = _Children(self._counter("http_requests", "Requests answered.", "route", "method", "status"))
        self._durations = _Children(
            self._histogram("http_request_seconds", "From request to answer.", _MACHINE_SECONDS, "route", "method")
        )
        self._clock = self._gauge("clock_ahead_seconds", "By how much our clock is ahead of PostgreSQL's.")
        self._lag = self._gauge("event_loop_lag_recent_seconds", "How late the event loop was, when last measured.")
        self._lags = self._histogram("event_loop_lag_seconds", "How late the event loop is.", _MACHINE_SECONDS)
        self._tasks = self._gauge("asyncio_tasks", "Tasks of the event loop, counted when somebody looks.")
        self._blocked = self._counter("event_loop_blocked", "Times that the event loop stood still for a second.")

    # -- for the actors ----------------------------------------------------------------------------

    @noted
    def request_ended(self, bucket: Bucket, outcome: str) -> None:
        self._requests[*self._labels(bucket), self._bound("outcome", outcome)].inc()

    @noted
    def matched(self, bucket: Bucket, waits: Sequence[float]) -> None:
        self._proposed[self._labels(bucket)].inc()
        histogram = self._waits[(bucket.difficulty,)]
        for seconds in waits:
            histogram.observe(seconds)

    @noted
    def match_ended(self, bucket: Bucket, outcome: MatchState | EndReason) -> None:
        self._matches[*self._labels(bucket), outcome].inc()

    @noted
    def session_opened(self, seconds: float) -> None:
        self._opening.observe(seconds)

    @noted
    def confirmed(self, seconds: float) -> None:
        self._confirming.observe(seconds)

    @noted
    def published(self, count: int) -> None:
        self._published.inc(count)

    def census(self, buckets: Sequence[BucketCensus], outbox: OutboxCensus) -> None:
        queues: dict[tuple[str, str], tuple[int, float]] = {}
        for one in buckets:
            labels = self._labels(one.bucket)
            waiting, oldest = queues.get(labels, (0, 0.0))
            queues[labels] = waiting + one.waiting, max(oldest, one.oldest_wait_seconds)
        self._queues.census = queues
        self._outbox_depth.set(outbox.waiting)
        self._outbox_oldest.set(outbox.oldest_seconds)

    def clock_ahead(self, seconds: float) -> None:
        self._clock.set(seconds)

    def actor_restarted(self, kind: str) -> None:
        self._restarts.labels(self._bound("kind", kind)).inc()

    def actor_hung(self, kind: str) -> None:
        self._hangs.labels(self._bound("kind", kind)).inc()

    def left_behind(self, what: str, count: int) -> None:
        self._left_behind.labels(self._bound("what", what)).inc(count)

    # -- for the web edge --------------------------------------------------------------------------

    @noted
    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        labels = self._bound("route", route), method if method in _METHODS else OTHER
        self._answers[*labels, self._bound("status", str(status))].inc()
        self._durations[labels].observe(seconds)

    @noted
    def socket_opened(self) -> None:
        self._sockets.inc()

    @noted
    def socket_closed(self, code: int) -> None:
        self._sockets.dec()
        self._closed.labels(self._bound("code", str(code))).inc()

    @noted
    def connections(self, count: int) -> None:
        self._connections.set(count)

    def turned_away(self, why: str) -> None:
        self._turned_away.labels(self._bound("why", why)).inc()

    @noted
    def pushed(self, frames: int) -> None:
        self._frames.inc(frames)

    # -- for the adapters --------------------------------------------------------------------------

    def dependency_failed(self, name: str) -> None:
        self._dependencies.labels(self._bound("dependency", name)).inc()

    def unroutable(self, routing_key: str) -> None:
        self._unroutable.labels(self._bound("routing_key", routing_key)).inc()

    # -- for the process ---------------------------------------------------------------------------

    def watch_mailboxes(self, depths: Depths) -> None:
        """Ask *depths* at every scrape from now on."""
        self._actors.depths = depths

    def watch_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Count the tasks of *loop* at every scrape from now on."""
        self._tasks.set_function(lambda: len(asyncio.all_tasks(loop)))

    def watch_lines(self, left_out: LeftOut) -> None:
        """Ask *left_out* at every scrape from now on."""
        self._lines.left_out = left_out

    def lagged(self, seconds: float) -> None:
        """The event loop was so late."""
        self._lag.set(seconds)
        self._lags.observe(seconds)

    def loop_blocked(self) -> None:
        """The event loop stood still for a second."""
        self._blocked.inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Everything, as OpenMetrics where *accept* names it, else as text; and its content type."""
        # Not the library's own choice: it raises at a header with a strange version.
        if "application/openmetrics-text" in accept:
            body: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]  # theirs
            return body, openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _labels(self, bucket: Bucket) -> tuple[str, str]:
        return bucket.difficulty, bucket.topic if bucket.topic in self._topics else OTHER

    def _bound(self, label: str, value: str) -> str:
        return self._bounded[label](value)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", text, labels, registry=self.registry, buckets=buckets)
