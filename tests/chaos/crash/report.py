"""A line per step and variant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE
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
    table = Table(box=SIMPLE, pad_edge=False, padding=0)
    for name in ("step", "variant"):
        table.add_column(name, no_wrap=True)
    for name in ("runs", "violations", "late", "p50 s", "p99 s", "max s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in _rows(findings.runs):
        table.add_row(*row)
    console.print(table)
    for line in _examples(findings):
        console.print(f"  * {line}", style="red", highlight=False, markup=False, soft_wrap=True)
    console.print(_sentence(findings, seconds), highlight=False, markup=False)


def _rows(runs: Sequence[Run]) -> Iterator[Sequence[str]]:
    for step in STEPS:
        for variant in Variant:
            mine = [run for run in runs if (run.step, run.variant) == (step, variant)]
            if mine:
                times = sorted(run.recovery_seconds for run in mine)
                figures = [f"{percentile(times, share):.2f}" for share in (0.5, 0.99, 1.0)]
                yield step, variant.value, *map(str, (len(mine), _wrong(mine), _late(mine))), *figures


def _wrong(runs: Sequence[Run]) -> int:
    return sum(bool(run.violations) for run in runs)


def _late(runs: Sequence[Run]) -> int:
    return sum(run.is_late for run in runs)


def _examples(findings: Findings) -> list[str]:
    lines = [f"at the end of a lane: {remain}" for remain in findings.remains]
    for run in findings.runs:
        where = f"{run.step}, {run.variant}, {run.manner}"
        lines += [f"{where}: {violation}" for violation in run.violations]
        lines += [f"{where}: well again only after {run.recovery_seconds:.1f} s"] if run.is_late else []
    return lines[:MOST_EXAMPLES] + ([f"and {len(lines) - MOST_EXAMPLES} more"] if len(lines) > MOST_EXAMPLES else [])


def _sentence(findings: Findings, seconds: float) -> str:
    runs = findings.runs
    slowest = max((run.recovery_seconds for run in runs), default=0.0)
    left = sum(run.leftovers for run in runs)
    return (
        f"{len(runs)} deaths in {seconds:.0f} s, at a load of {os.getloadavg()[2]:.1f}: {_wrong(runs)} with violations,"
        f" {_late(runs)} late, {len(findings.remains)} complaints at the end of lanes; the slowest recovery took"
        f" {slowest:.2f} s. {left} entries stayed in the index until somebody looked;"
        f" {len(findings.missed)} runs were begun again, since another replica took the step."
    )
