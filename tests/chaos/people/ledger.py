"""What the users of one process leave behind, and what came of them in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from tests.chaos.evidence import Frame, Notebook, Operation, Outcome, SocketLife
from tests.e2e.tokens import SECRET

WRITES: Final = frozenset({"request", "cancel", "confirm", "decline", "leave"})

_TOKEN: Final = b"eyJ"
"""Every token begins so: it is ``{"`` in base64, and no id, name or number of ours contains it."""
_SECRET: Final = SECRET.encode()


@dataclass(slots=True)
class Tally:
    """Counts; those of several processes can be added."""

    arrived: int = 0
    home: int = 0
    turned_away: int = 0
    """Who would have arrived while too many were there."""
    gave_up: int = 0
    """Who went home without having been told how the search ended."""
    sessions: int = 0
    """How often a user entered one."""
    ok: int = 0
    ok_writes: int = 0
    fail: int = 0
    unknown: int = 0
    frames: int = 0
    leaks: int = 0
    """Answers and frames with a token or a secret in them."""
    cpu_seconds: float = 0.0

    @classmethod
    def sum(cls, tallies: Iterable[Self]) -> Self:
        """All of them as one."""
        counts = [asdict(tally) for tally in tallies]
        return cls(**{item.name: sum(one[item.name] for one in counts) for item in fields(cls)})

    def as_json(self) -> dict[str, Any]:
        """The counts for another process."""
        return asdict(self)


@dataclass(slots=True)
class Ledger:
    """Where everything is written down."""

    folder: Path
    part: str
    tally: Tally = field(default_factory=Tally)
    _notebook: Notebook = field(init=False)

    def __post_init__(self) -> None:
        self._notebook = Notebook(self.folder, part=self.part)

    def operation(self, record: Operation) -> None:
        """Keep a call."""
        tally = self.tally
        match record.outcome:
            case Outcome.OK:
                tally.ok += 1
                tally.ok_writes += record.name in WRITES
            case Outcome.FAIL:
                tally.fail += 1
            case Outcome.UNKNOWN:
                tally.unknown += 1
        self._notebook.note(record)

    def frame(self, record: Frame) -> None:
        """Keep what came over a socket."""
        self.tally.frames += 1
        self._notebook.note(record)

    def socket(self, record: SocketLife) -> None:
        """Keep how long a socket lived."""
        self._notebook.note(record)

    def inspect(self, output: bytes) -> None:
        """Count *output* of the service, as it came, when it says what it must not."""
        if _TOKEN in output or _SECRET in output:
            self.tally.leaks += 1

    def close(self) -> None:
        """Write everything out."""
        self._notebook.close()
