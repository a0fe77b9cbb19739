"""What is told of many sockets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.charts import Bars, Chart, Kind, Plot
from tests.load.holding.attendance import Attendance
from tests.load.numbers import Curve, Latency, Series, curve, whole
from tests.load.processes import EVERYTHING_ELSE, Usage
from tests.load.report import Findings, Generator, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """People who came in, one after the other or all at once."""

    wanted: int
    came: int
    seconds: float
    """Until the last of those who came had a ``state`` frame."""
    handshake_ms: Latency
    state_ms: Latency
    """From when they were to begin (in a storm: from the drop) to the ``state`` frame, refusals included."""
    curves: Mapping[str, Curve]
    series: Series
    refused: Mapping[str, int]
    cpu_ms_per_socket: Mapping[str, float]

    @classmethod
    def of(
        cls, wanted: int, start: float, told: Attendance, before: Mapping[str, Usage], after: Mapping[str, Usage]
    ) -> Wave:
        """What *told* says, and what it cost."""
        came = len(told.moments)
        cpu = per_unit(before, after, 1e3, came)
        return cls(
            wanted=wanted,
            came=came,
            seconds=round(max(told.moments, default=start) - start, 3),
            handshake_ms=Latency.of(told.handshakes),
            state_ms=Latency.of(told.took),
            curves={"handshake": curve(told.handshakes), "state": curve(told.took)},
            series=Series.of(zip(told.moments, told.took, strict=True), start),
            refused=dict(told.refused),
            cpu_ms_per_socket=cpu,
        )

    @property
    def per_second(self) -> float:
        return round(self.came / self.seconds, 1) if self.seconds > 0 else 0.0

    def rows(self) -> Iterator[tuple[str, str]]:
        """The figures, by name."""
        yield "have a state frame", f"{self.came:,} of {self.wanted:,} in {self.seconds:.2f} s"
        yield "handshakes/s", f"{self.per_second:,.0f}"
        yield "handshake, p50 / p99", f"{self.handshake_ms.p50:.1f} / {self.handshake_ms.p99:.1f} ms"
        yield "state frame, p50 / p99", f"{self.state_ms.p50:.1f} / {self.state_ms.p99:.1f} ms"
        yield "CPU of the service", f"{self.cpu_ms_per_socket.get('service', 0.0):.3f} ms a socket"
        for status, count in sorted(self.refused.items()):
            yield f"refused: {status}", f"{count:,} times"

    def pictures(self, name: str) -> Sequence[str]:
        """Of *name*: how it went over time, and latency curves."""
        return [
            Chart(
                title=f"{name}: sockets with a state frame, each second", lines={"sockets/s": whole(self.series.count)}
            ).svg(),
            Plot(
                title=f"{name}: latency by percentile, ms", lines=self.curves, across=Kind.PERCENTILE, up=Kind.LOG
            ).svg(),
            Bars(title=f"{name}: CPU per socket, by component", values=self.cpu_ms_per_socket, unit="ms").svg(),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """RSS of the service, in MiB."""

    before: float
    with_all: float
    after_storm: float
    after_all: float
    """When all had left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketsReport(Findings):
    """Figures about sockets."""

    wanted: int
    present: int
    """Open when they were left idle."""
    opening: Wave
    storm: Wave | None
    memory_mib: Memory
    idle_cpu_us: Mapping[str, float]
    """CPU for one idle socket in one second, by component."""
    generator: Generator
    complaints: Mapping[str, int] = field(default_factory=dict)
    """Warnings and errors in the logs of the service, by action."""

    @property
    def kib_per_socket(self) -> float:
        grown = self.memory_mib.with_all - self.memory_mib.before
        return round(1024 * grown / self.present, 2) if self.present else 0.0

    @property
    def is_clean(self) -> bool:
        """Whether everyone got a socket, kept it, and got it back."""
        waves = [self.opening, *filter(None, [self.storm])]
        return not self.errors and all(wave.came == wave.wanted for wave in waves)

    def derived(self) -> Mapping[str, object]:
        """What one costs."""
        return {"kib_per_socket": self.kib_per_socket, "handshakes_per_second": self.opening.per_second}

    def all_caveats(self) -> list[str]:
        """Those of the generator come first."""
        return [*self.generator.caveats(), *Findings.all_caveats(self)]

    def tables(self) -> Sequence[Table]:
        """Opening, idleness, storm."""
        memory = self.memory_mib
        idle = [
            ("sockets", f"{self.present:,} of {self.wanted:,}"),
            ("RSS of the service", f"{memory.before:.0f} MiB without, {memory.with_all:.0f} MiB with all"),
            ("RSS after the storm, after all left", f"{memory.after_storm:.0f} MiB, {memory.after_all:.0f} MiB"),
            ("one idle socket", f"{self.kib_per_socket:.1f} KiB"),
            *((f"CPU of {name}", f"{us:.2f} µs a socket and second") for name, us in self.idle_cpu_us.items()),
            *(("in the logs", f"{count} x {action}") for action, count in sorted(self.complaints.items())),
            ("generator late, p99; busy", f"{self.generator.lag_ms.p99:.1f} ms; {self.generator.busy:.0%} of a core"),
        ]
        tables = [Table("opening", (), list(self.opening.rows())), Table("idle", (), idle)]
        if self.storm:
            tables.append(Table("storm: all dropped at once, all back at once", (), list(self.storm.rows())))
        return tables

    def pictures(self) -> Sequence[str]:
        """Of the opening and of the storm."""
        return [*self.opening.pictures("Opening"), *(self.storm.pictures("Storm") if self.storm else ())]


def per_unit(before: Mapping[str, Usage], after: Mapping[str, Usage], scale: float, units: float) -> dict[str, float]:
    """CPU between two looks over *units*, by component, in seconds times *scale*."""
    return {
        name: round(scale * (now.cpu_seconds - before[name].cpu_seconds) / units, 3) if units else 0.0
        for name, now in after.items()
        if name != EVERYTHING_ELSE
    }
