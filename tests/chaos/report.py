"""What is kept of a judged run, and how it is told in lines of text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from tests.chaos.checker import Finding, Verdict, judge
from tests.chaos.evidence import Evidence
from tests.chaos.series import Recovery, Second, recoveries, seconds

SHOWN: Final = 5
"""Violations of one kind that are spelt out; all are in the counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One run, without its evidence."""

    seed: int
    command: str
    began: float
    verdict: Verdict
    seconds: Sequence[Second]
    recoveries: Sequence[Recovery]

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """The judged run."""
        return cls(
            seed=int(evidence.run.get("seed", 0)),
            command=str(evidence.run.get("command", "")),
            began=float(evidence.run.get("began", 0.0)),
            verdict=judge(evidence),
            seconds=seconds(evidence),
            recoveries=list(recoveries(evidence)),
        )


def lines(run: Judged) -> Iterator[str]:
    """One line per fault and per invariant, and the first violations below theirs."""
    yield from map(recovered, run.recoveries)
    for finding in run.verdict.findings:
        yield told(finding)
        yield from (f"      {one.told(run.began)}" for one in finding.violations[:SHOWN])
        if more := len(finding.violations) - SHOWN:
            yield from [f"      and {more:,} more"] * (more > 0)


def told(finding: Finding) -> str:
    """``I1   one live request and match per user   4,211 users, 9,310 matches looked at: 0 violations``."""
    looked_at = ", ".join(f"{count:,} {what}" for what, count in finding.looked_at.items())
    figures = ", ".join(f"{what} {value:,g}" for what, value in finding.figures.items())
    ending = f"  [{figures}]" if figures else ""
    return (
        f"{finding.number:<4} {finding.name:<46} {looked_at} looked at: {violations(len(finding.violations))}{ending}"
    )


def recovered(one: Recovery) -> str:
    """What a fault did, in a line."""
    verdict = {None: "", True: " (met)", False: " (missed)"}[one.is_met]
    target = f"; {one.target.text}{verdict}" if one.target else ""
    return (
        f"{one.fault.number:<4} {one.fault.name:<28} {one.fault.healed - one.fault.began:5.1f} s; "
        f"longest gap between matches {spoken(one.gap_during)} during, {spoken(one.gap_after)} after; "
        f"first success {spoken(one.first_success)}, normal {spoken(one.normal)} after healing{target}"
    )


def summed(runs: Sequence[Judged]) -> str:
    """The sums over all runs."""
    broken: Counter[str] = Counter()
    for one in (finding for run in runs for finding in run.verdict.findings):
        broken[one.number] += len(one.violations)
    total = sum(run.verdict.violations for run in runs)
    acknowledged = sum(run.verdict.acknowledged for run in runs)
    matches = sum(second.matches for run in runs for second in run.seconds)
    faults = sum(len(run.recoveries) for run in runs)
    which = ", ".join(f"{number}: {count:,}" for number, count in broken.items() if count)
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}: {acknowledged:,} acknowledged operations, "
        f"{matches:,} matches, {faults:,} faults: {violations(total)}{f' ({which})' if which else ''}"
    )


def violations(count: int) -> str:
    return f"{count:,} violation{'' if count == 1 else 's'}"


def spoken(seconds_: float) -> str:
    """A duration, or that it was never over."""
    return "never" if math.isinf(seconds_) else f"{seconds_:.2f} s"
