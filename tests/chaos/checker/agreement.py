"""I7: whoever tells of a session tells the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.checker.case import FOUND, Case, Row, parsed, partner_of, users_of
from tests.chaos.checker.finding import Finding, Violation


@dataclass(frozen=True, slots=True)
class Telling:
    """What one source said about one session."""

    source: str
    at: float
    user_id: str
    """To whom; empty for an event or a hash."""
    said: Mapping[str, Any]
    """Only what it spoke of: match_id, session_id, question_id, question, partner_id, users, difficulty, topic."""


def all_tell_the_same(case: Case) -> Finding:
    """I7: REST, WebSocket, event, Redis and table agree on session, question, users and partner."""
    violations: list[Violation] = []
    count = 0
    for telling in _tellings(case):
        count += 1
        said = telling.said
        match = case.matches.get(said.get("match_id", "")) or case.by_session.get(said.get("session_id", ""))
        ids = {name: str(said[f"{name}_id"]) for name in ("match", "session") if said.get(f"{name}_id")}
        if match is None:
            violations.append(Violation(f"{telling.source} tells of a match that is not there", telling.at, ids))
            continue
        truth = _truth(match, telling.user_id)
        wrong = [name for name, value in said.items() if value != truth[name]]
        if wrong:
            violations.append(Violation(f"{telling.source} has another {' and '.join(wrong)}", telling.at, ids))
    return Finding(
        number="I7",
        name="all tell the same of a session",
        looked_at={"tellings": count, "sessions": len(case.by_session)},
        violations=violations,
    )


def _truth(match: Row, user_id: str) -> Row:
    question = parsed(match["question"])
    return {
        "match_id": match["id"],
        "session_id": match["session_id"],
        "question_id": question.get("id"),
        "question": question,
        "partner_id": partner_of(match, user_id),
        "users": set(users_of(match)),
        "difficulty": match["difficulty"],
        "topic": match["topic"],
    }


def _tellings(case: Case) -> Iterator[Telling]:
    yield from _answers(case)
    yield from _frames(case)
    for event in case.events:
        if event.routing_key == FOUND:
            yield Telling("the outbox", 0.0, "", _said(event.body))
    for delivery in case.evidence.deliveries:
        if delivery.routing_key == FOUND:
            yield Telling("the event", delivery.at, "", _said(delivery.body))
    for hash_ in case.table("sessions"):
        yield Telling("the hash", 0.0, "", _said(hash_))


def _answers(case: Case) -> Iterator[Telling]:
    for one in case.acknowledged:
        if one.got.get("session_id"):
            said = _said(one.got)
            if one.name == "match_status":
                said["match_id"] = one.sent["match_id"]
            yield Telling(f"the answer to {one.name}", one.ended, one.user_id, said)


def _frames(case: Case) -> Iterator[Telling]:
    for frame in case.evidence.frames:
        kind = frame.body.get("type")
        if kind in ("match_ready", "match_found"):
            yield Telling(str(kind), frame.at, frame.user_id, _said(frame.body))
        elif kind == "state" and frame.body.get("session"):
            yield Telling("state", frame.at, frame.user_id, _said(frame.body["session"]))


_NAMES = ("match_id", "session_id", "question_id", "partner_id", "difficulty", "topic")


def _said(body: Row) -> dict[str, Any]:
    """What *body* speaks of."""
    said: dict[str, Any] = {name: body[name] for name in _NAMES if body.get(name)}
    if body.get("question"):
        said["question"] = parsed(body["question"])
    if body.get("users"):
        users = body["users"]
        said["users"] = set(parsed(users) if isinstance(users, str) else users)
    return said
