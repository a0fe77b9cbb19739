"""How evidence made by hand is noted down: every record with what the service and the triggers would add."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.chaos.checker.case import Case, partner_of, users_of
from tests.chaos.evidence import (
    Absence,
    Delivery,
    Evidence,
    Exit,
    FaultSpan,
    Frame,
    Operation,
    Outcome,
    Sample,
    SocketLife,
)


class Chronicle:
    """Takes note of what happened to whom; a test may change what was noted."""

    def __init__(self, *, folder: Path | None = None) -> None:
        self.folder = folder
        self.run: dict[str, Any] = {"plan": {"replicas": 3}, "began": 0.0, "ended": 100.0, "drained": 104.0}
        self.operations: list[Operation] = []
        self.sockets: list[SocketLife] = []
        self._lives: dict[str, list[SocketLife]] = defaultdict(list)
        self.frames: list[Frame] = []
        self.deliveries: list[Delivery] = []
        self.faults: list[FaultSpan] = []
        self.exits: list[Exit] = []
        self.samples: list[Sample] = []
        self.absences: list[Absence] = []
        self.requests: dict[str, dict[str, Any]] = {}
        self.matches: dict[str, dict[str, Any]] = {}
        self.outbox: list[dict[str, Any]] = []
        self.audit: list[dict[str, Any]] = []
        self.hashes: list[dict[str, Any]] = []
        self.numbers = count(1)

    def calls(
        self,
        user_id: str,
        name: str,
        at: float,
        sent: Mapping[str, Any],
        got: Mapping[str, Any],
        *,
        status: int = 200,
        seconds: float = 0.02,
    ) -> None:
        """An operation that was invoked a moment before *at*, and ended a moment later."""
        outcome = Outcome.OK if 200 <= status < 300 else Outcome.FAIL if 400 <= status < 500 else Outcome.UNKNOWN
        call = Operation(
            user_id=user_id, name=name, replica=0, invoked=at - 0.01, ended=at + seconds, outcome=outcome,
            status=status, sent=sent, got=got,
        )  # fmt: skip
        self.operations.append(call)

    def session(self, match_id: str, user_id: str) -> dict[str, Any]:
        """What a confirmation answers once the session is there."""
        match = self.matches[match_id]
        told = {"match_id": match_id, "session_id": match["session_id"], "question_id": "q-1"}
        return told | {"partner_id": partner_of(match, user_id)}

    def becomes(self, request_id: str, new: str, at: float, **changes: Any) -> None:
        """A request changes its state: the row, and its line in the audit."""
        row = self.requests[request_id]
        old = changes.pop("old", row["status"])
        row.update(changes, status=new)
        self.audit.append({
            "seq": next(self.numbers), "at": at, "kind": "request", "id": request_id, "old": old, "new": new,
            "match_id": row["match_id"], "expires_at": row["expires_at"], "user_id": row["user_id"],
            "bucket": row["bucket"], "request_seq": row["seq"], "session_id": None, "deadline": None,
        })  # fmt: skip

    def turns(self, match_id: str, new: str, at: float, **changes: Any) -> None:
        """A match changes its state."""
        row = self.matches[match_id]
        old = changes.pop("old", row["status"])
        row.update(changes, status=new)
        self.audit.append({
            "seq": next(self.numbers), "at": at, "kind": "match", "id": match_id, "old": old, "new": new,
            "match_id": match_id, "session_id": row["session_id"], "deadline": row["deadline"],
            "user1_id": row["user1_id"], "user2_id": row["user2_id"], "expires_at": None,
        })  # fmt: skip

    def posts(self, routing_key: str, at: float, body: Mapping[str, Any]) -> str:
        """An event: promised, published and delivered; its id."""
        event_id = self.new_id()
        told = {"event_type": routing_key, "event_id": event_id, **body}
        self.outbox.append(
            {"event_id": event_id, "routing_key": routing_key, "body": json.dumps(told), "published_at": at + 0.1}
        )
        self.deliveries.append(
            Delivery(at=at + 0.1, routing_key=routing_key, event_id=event_id, redelivered=False, body=told)
        )
        return event_id

    def tell(self, match_id: str, at: float, body: Mapping[str, Any], *, partner: bool) -> None:
        """A frame about a match to both."""
        match = self.matches[match_id]
        for user_id in users_of(match):
            who = {"partner_id": partner_of(match, user_id)} if partner else {}
            self.push(user_id, at, {**body, "match_id": match_id, **who})

    def open(self, life: SocketLife) -> None:
        """A socket."""
        self.sockets.append(life)
        self._lives[life.user_id].append(life)

    def push(self, user_id: str, at: float, body: Mapping[str, Any]) -> None:
        """A frame to every socket that the user has open."""
        for life in self._lives[user_id]:
            if life.opened <= at < life.closed:
                self.frames.append(Frame(user_id=user_id, socket=life.socket, at=at + 0.005, body=body))

    def new_id(self) -> str:
        return str(UUID(int=next(self.numbers)))

    # -- what is left ----------------------------------------------------------------------------

    def evidence(self) -> Evidence:
        """Everything, as :meth:`Evidence.read` would return it."""
        return Evidence(
            folder=self.folder,
            run=self.run,
            operations=sorted(self.operations, key=lambda one: one.invoked),
            sockets=self.sockets,
            frames=sorted(self.frames, key=lambda one: one.at),
            deliveries=self.deliveries,
            faults=self.faults,
            exits=self.exits,
            samples=self.samples,
            absences=self.absences,
            tables=dict(self._tables()),
        )

    def case(self) -> Case:
        return Case(self.evidence())

    def _tables(self) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
        yield "match_requests", list(self.requests.values())
        yield "matches", list(self.matches.values())
        yield "outbox", self.outbox
        yield "audit", self.audit
        yield "sessions", self.hashes
