"""What a run found out: one value for the screen, the file and the tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.load import surroundings
from tests.load.numbers import Latency
from tests.load.processes import Cost

COMMON_CAVEATS = (
    "Generator, service and servers share the machine's cores with each other and with whatever else runs.",
    "CPU is counted in ticks of 10 ms and includes what idle processes do; RSS counts shared memory in each process.",
)


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
class Report:
    """Figures, and what is needed to judge them."""

    program: str
    plan: Mapping[str, object]
    seconds: float
    """From the first intended arrival to the last end."""
    users: int
    matches: int
    requests: int = 0
    """Answered over HTTP; handshakes are not among them."""
    latency_ms: Mapping[str, Latency]
    cost: Mapping[str, Cost]
    errors: Mapping[str, int] = field(default_factory=dict)
    complaints: Mapping[str, int] = field(default_factory=dict)
    """Warnings and errors in the logs of the service, by action."""
    events: Events | None = None
    caveats: Sequence[str] = ()
    server_versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str | float] = field(default_factory=surroundings.machine)

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

    def as_json(self) -> dict[str, object]:
        """Everything, for a file."""
        return {
            **asdict(self),
            "matches_per_second": self.matches_per_second,
            "requests_per_second": self.requests_per_second,
            "is_clean": self.is_clean,
            "caveats": [*COMMON_CAVEATS, *self.caveats],
            "command": surroundings.command_line(),
            "settings": surroundings.settings_given(),
            "versions": surroundings.versions() | dict(self.server_versions),
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def save(report: Report, path: Path) -> None:
    """Write everything as JSON."""
    write(report.as_json(), path)


def write(findings: Mapping[str, object], path: Path) -> None:
    """Write *findings* as JSON."""
    path.write_text(json.dumps(findings, indent=2) + "\n", encoding="utf-8")


def show(report: Report, console: Console) -> None:
    """The tables at the end of a run."""
    console.print(_summary(report), _latencies(report), _costs(report))
    for caveat in (*COMMON_CAVEATS, *report.caveats):
        console.print(f"  * {caveat}", style="dim", highlight=False)


def _summary(report: Report) -> Table:
    table = Table(title=f"{report.program}: {'clean' if report.is_clean else 'NOT CLEAN'}", show_header=False)
    table.add_row("matches", f"{report.matches} of {report.users // 2} in {report.seconds:.2f} s")
    table.add_row("matches/s", f"{report.matches_per_second}")
    if report.requests:
        table.add_row("requests/s", f"{report.requests_per_second}")
    if report.events:
        table.add_row("events", f"{report.events.received} for {report.events.expected} matches, warm-up included")
    for kind, count in sorted(report.errors.items()):
        table.add_row("error", f"{count} x {kind}", style="red")
    for action, count in sorted(report.complaints.items()):
        table.add_row("in the logs", f"{count} x {action}", style="yellow")
    return table


def _latencies(report: Report) -> Table:
    table = Table("ms", "count", "p50", "p90", "p99", "max")
    for name, latency in report.latency_ms.items():
        quantiles = (latency.p50, latency.p90, latency.p99, latency.max)
        table.add_row(name, str(latency.count), *(f"{value:.1f}" for value in quantiles))
    return table


def _costs(report: Report) -> Table:
    table = Table("process", "CPU s", "CPU ms/match", "RSS MiB")
    for name, cost in report.cost.items():
        table.add_row(name, f"{cost.cpu_seconds:.2f}", f"{cost.cpu_ms_per_match:.2f}", f"{cost.rss_mib:.0f}")
    return table
