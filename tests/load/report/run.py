"""What a run of users who were matched found out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.charts import Bars, Chart, Kind, Plot
from tests.load.numbers import Curve, Latency, Series, whole
from tests.load.processes import EVERYTHING_ELSE, Cost
from tests.load.report.findings import Findings
from tests.load.report.generator import Generator
from tests.load.report.sheet import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What came out of the broker."""

    received: int
    matches: int
    """Different matches among them."""
    expected: int
    """Matches that the users saw become ready, warm-up included."""

    @property
    def all_there(self) -> bool:
        return self.received == self.matches == self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Findings):
    """Figures about matches."""

    seconds: float
    """From the first intended arrival to the last end."""
    users: int
    matches: int
    requests: int = 0
    """Answered over HTTP; handshakes are not among them."""
    latency_ms: Mapping[str, Latency]
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """The same in more detail."""
    series: Series = field(default_factory=Series)
    """Of the last of the latencies: matches that ended in each second, and how long they had taken."""
    cost: Mapping[str, Cost]
    generator: Generator | None = None
    complaints: Mapping[str, int] = field(default_factory=dict)
    """Warnings and errors in the logs of the service, by action."""
    events: Events | None = None

    @property
    def matches_per_second(self) -> float:
        return round(self.matches / self.seconds, 1) if self.seconds else 0.0

    @property
    def requests_per_second(self) -> float:
        return round(self.requests / self.seconds, 1) if self.seconds else 0.0

    @property
    def is_clean(self) -> bool:
        """Whether everyone got a session and every session its event."""
        return not self.errors and 2 * self.matches == self.users and (self.events is None or self.events.all_there)

    def derived(self) -> Mapping[str, object]:
        """Rates."""
        return {"matches_per_second": self.matches_per_second, "requests_per_second": self.requests_per_second}

    def all_caveats(self) -> list[str]:
        """Those of the generator come first: they may make all else void."""
        return [*self.doubts(), *Findings.all_caveats(self)]

    def doubts(self) -> list[str]:
        """What the generator did to the figures."""
        return list(self.generator.caveats()) if self.generator else []

    def tables(self) -> Sequence[Table]:
        """Summary, latencies, cost."""
        return [Table(self.program, (), list(self._summary())), self._latencies(), self._costs()]

    def _summary(self) -> Iterator[tuple[str, str]]:
        yield "matches", f"{self.matches} of {self.users // 2} in {self.seconds:.2f} s"
        yield "matches/s", f"{self.matches_per_second}"
        if self.requests:
            yield "requests/s", f"{self.requests_per_second}"
        if self.events:
            yield "events", f"{self.events.received} for {self.events.expected} matches, warm-up included"
        if self.generator:
            yield "generator late, p50 / p99", f"{self.generator.lag_ms.p50:.1f} / {self.generator.lag_ms.p99:.1f} ms"
            yield "generator busy", f"{self.generator.busy:.0%} of a core"
        for action, count in sorted(self.complaints.items()):
            yield "in the logs", f"{count} x {action}"

    def _latencies(self) -> Table:
        rows = [
            (name, f"{one.count}", *(f"{value:.1f}" for value in (one.p50, one.p90, one.p99, one.max)))
            for name, one in self.latency_ms.items()
        ]
        return Table("latency, ms", ("", "count", "p50", "p90", "p99", "max"), rows)

    def _costs(self) -> Table:
        rows = [
            (name, f"{cost.cpu_seconds:.2f}", f"{cost.cpu_ms_per_match:.2f}", f"{cost.rss_mib:.0f}")
            for name, cost in self.cost.items()
        ]
        return Table("cost", ("process", "CPU s", "CPU ms/match", "RSS MiB"), rows)

    def pictures(self) -> Sequence[str]:
        """Latency curves, throughput and latency over time, cost."""
        last = ([*self.curves] or [""])[-1]
        return [
            Plot(title="Latency by percentile, ms", lines=self.curves, across=Kind.PERCENTILE, up=Kind.LOG).svg(),
            Chart(title="Matches that ended in each second", lines={"matches/s": whole(self.series.count)}).svg(),
            Chart(
                title=f"Latency of the matches that ended in each second ({last}), ms",
                lines={"p50": whole(self.series.p50), "p99": whole(self.series.p99)},
            ).svg(),
            Bars(
                title="CPU per match, by component",
                values={name: cost.cpu_ms_per_match for name, cost in self.cost.items() if name != EVERYTHING_ELSE},
                unit="ms",
            ).svg(),
        ]
