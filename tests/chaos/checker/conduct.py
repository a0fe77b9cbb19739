"""P0: how the run and its processes behaved, whatever was broken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.chaos.checker.case import OPEN, Case
from tests.chaos.checker.finding import Finding, Violation

DRAIN_SECONDS: Final = 30.0
LOUD: Final = ("error", "critical")
ALLOWED: Final[Mapping[str, str]] = {}
"""Actions that may be logged as errors because of a fault, each with its reason: none."""
_TRACEBACK: Final = re.compile(r"Traceback \(most recent call last\)|^(?:\w+\.)*\w*(?:Error|Exception)\b")


def the_run_was_one(case: Case) -> Finding:
    """P0: people were served, and what they left under way ended within half a minute."""
    run = case.evidence.run
    ready = sum(match["status"] in OPEN for match in case.matches.values())
    draining = float(run.get("drained", 0)) - float(run.get("ended", 0))
    violations: list[Violation] = []
    if not case.acknowledged or not ready:
        violations.append(Violation("nobody was served: this run proves nothing"))
    if draining > DRAIN_SECONDS:
        violations.append(Violation(f"draining took {draining:.0f} s", float(run["ended"])))
    violations += [Violation(f"the town is not whole: {failure}") for failure in run.get("failures", ())]
    violations += [Violation(f"{count} {kind} under way for ever") for kind, count in run.get("left", {}).items()]
    return Finding(
        number="P0",
        name="all ended within 30 s of the last user",
        looked_at={"acknowledged operations": len(case.acknowledged), "sessions": ready},
        violations=violations,
        figures={"drained in s": round(draining, 1)},
    )


def nobody_ends_unasked(case: Case) -> Finding:
    """P0: no process ends but those that were ended."""
    exits = case.evidence.exits
    return Finding(
        number="P0",
        name="no process ends unasked",
        looked_at={"ends": len(exits)},
        violations=[
            Violation(f"ended with {one.code}", one.at, {"replica": str(one.replica)})
            for one in exits
            if not one.asked_for
        ],
    )


def nothing_loud_is_logged(case: Case) -> Finding:
    """P0: no error, critical line or traceback in the replicas' logs."""
    folder = case.evidence.folder
    logs = sorted((folder / "logs").glob("replica*.log")) if folder else []
    violations: list[Violation] = []
    lines = 0
    for log in logs:
        for number, line in enumerate(_lines(log), start=1):
            lines += 1
            if what := _loud(line):
                violations.append(Violation(what, 0.0, {"log": log.name, "line": str(number)}))
    return Finding(
        number="P0",
        name="no error in the replicas' logs",
        looked_at={"logs": len(logs), "lines": lines},
        violations=violations,
    )


def _lines(log: Path) -> Iterator[str]:
    with log.open(encoding="utf-8", errors="replace") as file:
        yield from file


def _loud(line: str) -> str:
    """What is loud about a line; empty when nothing is.  A killed process leaves half a line, which is none."""
    try:
        said = json.loads(line)
    except ValueError:
        return line.strip()[:200] if _TRACEBACK.search(line) else ""
    if said.get("action") in ALLOWED or not (said.get("level") in LOUD or said.get("exception")):
        return ""
    return f"{said.get('level')}: {said.get('event')}"[:200]
