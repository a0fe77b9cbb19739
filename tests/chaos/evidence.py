"""Everything a run leaves behind: what the checker judges, and nothing else.

A folder of JSON lines, one file per kind of record, so that a run can be judged again, and by others.  Moments are
epoch seconds of this machine, which is also PostgreSQL's: they can be compared with its timestamps.

===================  =================  ===============================================================
file                 record             written by
===================  =================  ===============================================================
operations.jsonl     Operation          the users: one call each
sockets.jsonl        SocketLife         the users
frames.jsonl         Frame              the users: everything that came over a socket
deliveries.jsonl     Delivery           the consumer at the broker
faults.jsonl         FaultSpan          the nemesis
exits.jsonl          Exit               the town: a replica's process ended
samples.jsonl        Sample             the watch, every second
absences.jsonl       Absence            the watch: pending, and not in the index
tables/*.jsonl       rows as they are   the town, after everybody has gone home: match_requests, matches,
                                        outbox, audit (every change of a status), sessions (Redis)
logs/                                   what replicas and servers wrote
run.json             the plan, the secrets' digests, when it began and ended
===================  =================  ===============================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Self, TextIO


class Outcome(StrEnum):
    """What the caller knows."""

    OK = "ok"
    """Answered 2xx: it is done, and must stay true."""
    FAIL = "fail"
    """Answered 4xx: it is not done."""
    UNKNOWN = "unknown"
    """No answer, or a 5xx: it may be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call."""

    FILE: ClassVar = "operations"

    user_id: str
    name: str
    """request, status, cancel, confirm, decline, match_status, active, session, leave"""
    replica: int
    invoked: float
    ended: float
    outcome: Outcome
    status: int = 0
    """Of HTTP; 0 without an answer."""
    sent: Mapping[str, Any] = field(default_factory=dict)
    """The ids and fields of the call, by the contract's names, wherever they went: path or body."""
    got: Mapping[str, Any] = field(default_factory=dict)
    """The answer's body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLife:
    """One socket, from its first frame to its end."""

    FILE: ClassVar = "sockets"

    user_id: str
    socket: int
    replica: int
    opened: float
    """When ``state`` came."""
    closed: float
    code: int
    """Of the close frame; 1006 without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame that came over a socket."""

    FILE: ClassVar = "frames"

    user_id: str
    """Whose token opened the socket."""
    socket: int
    at: float
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message that a consumer acknowledged."""

    FILE: ClassVar = "deliveries"

    at: float
    routing_key: str
    event_id: str
    """The message's id."""
    redelivered: bool
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpan:
    """One fault, from its injection until everything it touched was given back."""

    FILE: ClassVar = "faults"

    name: str
    number: str
    """In the fault matrix, such as F9."""
    began: float
    healed: float
    touches: Sequence[str]
    """Of: replica-0, replica-1, ..., postgres, redis, rabbitmq, questions, clients."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """A replica's process ended."""

    FILE: ClassVar = "exits"

    replica: int
    at: float
    code: int
    asked_for: bool
    """Whether a fault ended it, or the end of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A look at one replica's process."""

    FILE: ClassVar = "samples"

    at: float
    replica: int
    pid: int
    rss_bytes: int
    descriptors: int
    mailbox_depth: int
    sockets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A pending request that was not in the index over several looks in a row, with both stores up."""

    FILE: ClassVar = "absences"

    request_id: str
    since: float
    until: float


Record = Operation | SocketLife | Frame | Delivery | FaultSpan | Exit | Sample | Absence
TABLES = ("match_requests", "matches", "outbox", "audit", "sessions")


class Notebook:
    """Writes records as they come; several processes may write different files of one folder."""

    def __init__(self, folder: Path, *, part: str = "") -> None:
        """*part* distinguishes the files of several writers of the same kind of record."""
        self._folder = folder
        self._part = f"-{part}" if part else ""
        self._files: dict[str, TextIO] = {}

    def note(self, record: Record) -> None:
        """Keep *record*."""
        file = self._files.get(record.FILE)
        if file is None:
            path = self._folder / f"{record.FILE}{self._part}.jsonl"
            file = self._files[record.FILE] = path.open("a", encoding="utf-8")
        file.write(json.dumps(asdict(record)) + "\n")

    def close(self) -> None:
        """Write everything out."""
        for file in self._files.values():
            file.close()
        self._files.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A run, read back."""

    folder: Path | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    operations: Sequence[Operation] = ()
    sockets: Sequence[SocketLife] = ()
    frames: Sequence[Frame] = ()
    deliveries: Sequence[Delivery] = ()
    faults: Sequence[FaultSpan] = ()
    exits: Sequence[Exit] = ()
    samples: Sequence[Sample] = ()
    absences: Sequence[Absence] = ()
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """By name, see :data:`TABLES`; moments are epoch seconds here too, ids are text."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Everything in *folder*, each kind in the order of its moments."""
        return cls(
            folder=folder,
            run=json.loads((folder / "run.json").read_text(encoding="utf-8")),
            operations=sorted(
                (Operation(**{**line, "outcome": Outcome(line["outcome"])}) for line in _lines(folder, Operation.FILE)),
                key=lambda one: one.invoked,
            ),
            sockets=sorted(
                (SocketLife(**line) for line in _lines(folder, SocketLife.FILE)), key=lambda one: one.opened
            ),
            frames=sorted((Frame(**line) for line in _lines(folder, Frame.FILE)), key=lambda one: one.at),
            deliveries=sorted((Delivery(**line) for line in _lines(folder, Delivery.FILE)), key=lambda one: one.at),
            faults=sorted((FaultSpan(**line) for line in _lines(folder, FaultSpan.FILE)), key=lambda one: one.began),
            exits=sorted((Exit(**line) for line in _lines(folder, Exit.FILE)), key=lambda one: one.at),
            samples=sorted((Sample(**line) for line in _lines(folder, Sample.FILE)), key=lambda one: one.at),
            absences=sorted((Absence(**line) for line in _lines(folder, Absence.FILE)), key=lambda one: one.since),
            tables={name: list(_lines(folder / "tables", name)) for name in TABLES},
        )


def write_table(folder: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep the *rows* of a table."""
    (folder / "tables").mkdir(exist_ok=True)
    with (folder / "tables" / f"{name}.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(row)) + "\n" for row in rows)


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(f"{name}.jsonl")) + sorted(folder.glob(f"{name}-*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):  # a writer that was killed leaves half a line
                    yield json.loads(line)
