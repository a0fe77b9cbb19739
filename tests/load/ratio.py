"""The headline figure: the service's CPU per match as a multiple of the floor's, taken in turn in one run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.console import Console

from tests.charts import Bars
from tests.load import flow, house, surroundings
from tests.load.flow import FlowPlan
from tests.load.report import Report, Sheet, Table

MEASURED: Final = "service"
"""The group of processes that is compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rounds of the floor and of the service, in turn."""

    floor: Sequence[Report]
    service: Sequence[Report]

    @property
    def is_clean(self) -> bool:
        """Whether every round was."""
        return all(report.is_clean for report in (*self.floor, *self.service))

    @property
    def ratios(self) -> list[float]:
        """CPU per match of the service over that of the floor, round by round."""
        return [round(_cpu(high) / _cpu(low), 2) for low, high in zip(self.floor, self.service, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return median(self.ratios)

    def as_json(self) -> dict[str, object]:
        """Everything, for a file."""
        return {
            "program": "ratio",
            "ratio": self.ratio,
            "ratios": self.ratios,
            "floor_cpu_ms_per_match": [_cpu(report) for report in self.floor],
            "service_cpu_ms_per_match": [_cpu(report) for report in self.service],
            "is_clean": self.is_clean,
            "command": surroundings.command_line(),
            "floor": [report.as_json() for report in self.floor],
            "service": [report.as_json() for report in self.service],
        }

    def sheet(self) -> Sheet:
        """The rounds and their median, with the pictures of the last round of the service."""
        last = self.service[-1].sheet()
        rounds = zip(self.floor, self.service, self.ratios, strict=True)
        rows = [
            (str(number), f"{_cpu(low):.2f}", f"{_cpu(high):.2f}", f"{ratio:.2f}")
            for number, (low, high, ratio) in enumerate(rounds, start=1)
        ]
        by_round = Table("CPU per match", ("round", "floor, ms", "service, ms", "ratio"), [*rows, self._middle()])
        bars = {name: _cpu(report) for name, report in self._rounds()}
        return dataclasses.replace(
            last,
            title="service over floor",
            verdict=f"{self.ratio:.2f} times the floor" + ("" if self.is_clean else "; NOT CLEAN: see the rounds"),
            is_clean=self.is_clean,
            tables=[by_round, *(dataclasses.replace(one, title=f"{one.title} (last round)") for one in last.tables)],
            pictures=[Bars(title="CPU per match, round by round", values=bars, unit="ms").svg(), *last.pictures],
            caveats=self._caveats(),
        )

    def _rounds(self) -> Iterator[tuple[str, Report]]:
        for name, reports in (("floor", self.floor), ("service", self.service)):
            for number, report in enumerate(reports, start=1):
                yield f"{name} {number}", report

    def _caveats(self) -> list[str]:
        doubts = [f"{name}: {doubt}" for name, report in self._rounds() for doubt in report.doubts()]
        common = [one for _, report in self._rounds() for one in report.all_caveats() if one not in report.doubts()]
        return [*doubts, *dict.fromkeys(common)]

    def _middle(self) -> tuple[str, ...]:
        floor, service = (median(map(_cpu, reports)) for reports in (self.floor, self.service))
        return "median", f"{floor:.2f}", f"{service:.2f}", f"{self.ratio:.2f}"


def _cpu(report: Report) -> float:
    return report.cost[MEASURED].cpu_ms_per_match


async def compare(plan: FlowPlan, rounds: int, console: Console) -> Comparison:
    """Measure both *rounds* times, over the same servers.  Raises ``StartFailed``."""
    reports: dict[bool, list[Report]] = {True: [], False: []}
    with house.private_servers(rabbitmq=True, fsync=plan.fsync) as stage:
        for number in range(2 * rounds):
            is_floor = number % 2 == 0
            console.print(f"round {number // 2 + 1} of {rounds}: {'floor' if is_floor else 'service'}")
            reports[is_floor].append(await flow.measure(dataclasses.replace(plan, floor=is_floor), console, stage))
    return Comparison(reports[True], reports[False])
