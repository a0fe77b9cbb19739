"""A line per step and variant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.chaos.crash.attempt import Run
from tests.chaos.crash.lane import Variant
from tests.chaos.crash.programme import Findings
from tests.chaos.crash.steps import STEPS
from tests.load.numbers import percentile

MOST_EXAMPLES: Final = 20


def show(findings: Findings, seconds: float, console: Console) -> None:
    """The table, what was wrong, and one sentence."""
    table = Table("step", "variant")
    for name in ("runs", "violations", "p50 s", "p99 s", "max s"):
        table.add_column(name, justify="right")
    for row in _rows(findings.runs):
        table.add_row(*row)
    console.print(table)
    for line in _wrong(findings):
        console.print(f"  * {line}", style="red", highlight=False, markup=False, soft_wrap=True)
    console.print(_sentence(findings, seconds), highlight=False, markup=False)


def _rows(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    for step in STEPS:
        for variant in Variant:
            mine = [run for run in runs if (run.step, run.variant) == (step, variant)]
            if mine:
                times = sorted(run.recovery_seconds for run in mine)
                wrong = sum(1 for run in mine if run.violations)
                figures = [percentile(times, share) for share in (0.5, 0.99, 1.0)]
                yield step, variant.value, str(len(mine)), str(wrong), *(f"{figure:.2f}" for figure in figures)


def _wrong(findings: Findings) -> list[str]:
    lines = [
        f"{run.step}, {run.variant}, {run.manner}: {violation}" for run in findings.runs for violation in run.violations
    ]
    lines += [f"at the end of a lane: {remain}" for remain in findings.remains]
    return lines[:MOST_EXAMPLES] + ([f"and {len(lines) - MOST_EXAMPLES} more"] if len(lines) > MOST_EXAMPLES else [])


def _sentence(findings: Findings, seconds: float) -> str:
    runs = findings.runs
    wrong = sum(1 for run in runs if run.violations)
    slowest = max((run.recovery_seconds for run in runs), default=0.0)
    left = sum(run.leftovers for run in runs)
    return (
        f"{len(runs)} deaths in {seconds:.0f} s, at a load of {os.getloadavg()[2]:.1f}: {wrong} with violations,"
        f" {len(findings.remains)} complaints at the end of lanes; the slowest recovery took {slowest:.2f} s."
        f" {left} entries stayed in the index until somebody looked; {len(findings.missed)} runs were begun again,"
        " since another replica took the step."
    )
