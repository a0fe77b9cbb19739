"""Asks for advisories about everything that a lock pins, and tells "none" from "nobody answered".

pip-audit ends with 0 and "No known vulnerabilities found" when its source answers 404 to every question, as an index
does that mirrors packages and no advisories.  So its exit code is not believed: its report is read.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

SECONDS: Final = 300
"""How long one source may take for everything."""

SOURCES: Final = (("pypi",), ("osv",))
"""In this order, until one answers."""


class Outcome(IntEnum):
    """What came of asking; the value is the exit code."""

    CLEAN = 0
    VULNERABLE = 1
    NOT_ASKED = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of asking, in a word and in lines for people."""

    outcome: Outcome
    said: tuple[str, ...]


def audit(lock: Path, sources: Sequence[Sequence[str]] = SOURCES) -> Verdict:
    """Ask one source after the other until one knows about everything in *lock*."""
    silence: list[str] = []
    for source in sources:
        verdict = judge(*_asked(lock, source), source=source[0])
        if verdict.outcome is not Outcome.NOT_ASKED:
            return verdict
        silence += verdict.said
    loud = "NOT AUDITED: no source of advisories answered. Whether anything pinned has a known hole is unknown."
    return Verdict(Outcome.NOT_ASKED, (loud, *silence))


def _asked(lock: Path, source: Sequence[str]) -> tuple[str, str]:
    """What pip-audit reports, and what it complains of."""
    with tempfile.TemporaryDirectory(prefix="peerprep-audit-") as cache:
        options = ("--disable-pip", "--require-hashes", "--progress-spinner=off", "--format=json", "--cache-dir", cache)
        command = (sys.executable, "-m", "pip_audit", "-r", str(lock), *options, "-s", *source)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return "", f"no answer within {SECONDS} s"
    return done.stdout, done.stderr


def judge(report: str, complaint: str, *, source: str) -> Verdict:
    """What pip-audit's JSON *report* means; without one, its last *complaint* says why."""
    try:
        pinned: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reason = complaint.strip().rpartition("\n")[2][:200] or "no report"
        return Verdict(Outcome.NOT_ASKED, (f"{source}: {reason}",))
    holes = tuple(_holes(pinned))
    if holes:
        return Verdict(Outcome.VULNERABLE, (f"{source}: {len(holes)} known holes in what is pinned", *holes))
    unknown = [one["name"] for one in pinned if "skip_reason" in one]
    if unknown or not pinned:
        names = ", ".join(unknown[:5]) + (" ..." if unknown[5:] else "")
        return Verdict(
            Outcome.NOT_ASKED, (f"{source}: knows nothing about {len(unknown)} of {len(pinned)} packages: {names}",)
        )
    return Verdict(Outcome.CLEAN, (f"{source}: no known hole in {len(pinned)} pinned packages",))


def _holes(pinned: Iterable[dict[str, Any]]) -> Iterable[str]:
    for one in pinned:
        for hole in one.get("vulns", ()):
            names = " ".join([hole["id"], *hole.get("aliases", ())])
            mended = ", ".join(hole.get("fix_versions", ())) or "no version yet"
            yield f"  {one['name']} {one['version']}: {names}; mended in {mended}"
