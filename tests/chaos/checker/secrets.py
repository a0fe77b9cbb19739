"""I15: no secret in any output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.chaos.checker.case import Case
from tests.chaos.checker.finding import Finding, Violation

PRINTED: Final = "printed.txt"
"""What the run said on the way, as it was printed."""
SHAPES: Final = {
    "a token": re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}"),
    "a password in a URL": re.compile(rb"\w+://[^/@\s:\"]*:(?!\*\*\*)[^/@\s\"]+@"),
}


def nothing_secret_is_printed(case: Case) -> Finding:
    """I15: no token, secret or password in logs, answers, frames, events, or what the run printed.

    The run itself looks for what only it knows, signing secret and passwords, and says how often it found them.
    """
    files = _written(case.evidence.folder)
    size = 0
    violations = [
        Violation(f"{kind} found {count} times by the run itself")
        for kind, count in _found_by_the_run(case).items()
        if count
    ]
    for path in files:
        text = path.read_bytes()
        size += len(text)
        violations += [Violation(f"{what} in {path.name}", 0.0, {"line": str(line)}) for what, line in _found(text)]
    return Finding(
        number="I15",
        name="no secret in any output",
        looked_at={"files": len(files), "KiB": size // 1024},
        violations=violations,
    )


def _found_by_the_run(case: Case) -> Mapping[str, int]:
    """How often it found what only it knows in logs, and its users in what they were answered, heads included."""
    run = case.evidence.run
    return {**run.get("secrets_found", {}), "a token or secret in answers": run.get("crowd", {}).get("leaks", 0)}


def _written(folder: Path | None) -> Sequence[Path]:
    if folder is None:
        return ()
    kept = [*(folder / "logs").rglob("*"), *folder.glob("*.jsonl"), folder / PRINTED]
    return sorted(path for path in kept if path.is_file())


def _found(text: bytes) -> Iterator[tuple[str, int]]:
    """What is secret, and in which line."""
    for what, shape in SHAPES.items():
        if hit := shape.search(text):
            yield what, text.count(b"\n", 0, hit.start()) + 1
