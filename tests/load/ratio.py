"""The headline figure: the service's CPU per match as a multiple of the floor's, taken in turn in one run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.load import flow, house, surroundings
from tests.load.flow import FlowPlan
from tests.load.report import COMMON_CAVEATS, Report

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

    def show(self, console: Console) -> None:
        """The table at the end."""
        table = Table("round", "floor ms/match", "service ms/match", "ratio", title="CPU per match")
        for number, (low, high, ratio) in enumerate(zip(self.floor, self.service, self.ratios, strict=True), start=1):
            table.add_row(str(number), f"{_cpu(low):.2f}", f"{_cpu(high):.2f}", f"{ratio:.2f}")
        table.add_row("median", "", "", f"{self.ratio:.2f}", style="bold")
        console.print(table)
        if not self.is_clean:
            console.print("NOT CLEAN: see the rounds in the report", style="red")
        for caveat in COMMON_CAVEATS:
            console.print(f"  * {caveat}", style="dim", highlight=False)


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
