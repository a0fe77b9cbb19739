"""I15: no secret in any output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from tests.chaos.checker.case import Case
from tests.chaos.checker.finding import Finding, Violation

PRINTED = "printed.txt"
"""What the run said on the way, as it was printed."""
_WORD = re.compile(rb"[\w.+/=~-]{8,}")
_SHAPES = {
    "a token": re.compile(rb"eyJ[\w-]{8,}\.[\w-]{8,}"),
    "a password in a URL": re.compile(rb"\w+://[^/@\s:]*:(?!\*\*\*)[^/@\s]+@"),
}


def nothing_secret_is_printed(case: Case) -> Finding:
    """I15: logs and output have no token, no secret of the run and no password in a URL."""
    known = frozenset(case.evidence.run.get("secrets", ()))
    files = _written(case.evidence.folder)
    texts = {path: path.read_bytes() for path in files}
    violations = [
        Violation(f"{what} in {path.name}", 0.0, {"line": str(line)})
        for path, text in texts.items()
        for what, line in _found(text, known)
    ]
    return Finding(
        number="I15",
        name="no secret in any output",
        looked_at={"files": len(files), "KiB": sum(map(len, texts.values())) // 1024, "secrets": len(known)},
        violations=violations,
    )


def digest(secret: str) -> str:
    """How a run keeps a secret, so that the checker can look for it."""
    return sha256(secret.encode()).hexdigest()


def _written(folder: Path | None) -> Sequence[Path]:
    if folder is None:
        return ()
    logs = sorted(path for path in (folder / "logs").rglob("*") if path.is_file())
    return [*logs, *(path for path in [folder / PRINTED] if path.is_file())]


def _found(text: bytes, known: frozenset[str]) -> Iterator[tuple[str, int]]:
    """What is secret, and in which line."""
    for what, shape in _SHAPES.items():
        if hit := shape.search(text):
            yield what, text.count(b"\n", 0, hit.start()) + 1
    for word in {part for glued in set(_WORD.findall(text)) for part in _parts(glued)}:
        if sha256(word).hexdigest() in known:
            yield "a secret of the run", text.count(b"\n", 0, text.index(word)) + 1


def _parts(word: bytes) -> set[bytes]:
    """A word, and what punctuation may have glued together."""
    return {word, *re.split(rb"[.+/=~]", word), word.rpartition(b"=")[2]}
