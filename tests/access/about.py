"""Whom a frame is about, as PostgreSQL has it: nobody else may get it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REASONS: Final = {"declined": "declined", "confirmation_timeout": "expired", "session_unavailable": "failed"}

Frame = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What a match row says."""

    users: tuple[str, str]
    bucket: tuple[str, str]
    status: str
    session_id: str | None
    question_id: str | None

    def partner_of(self, user_id: str) -> str:
        return self.users[1] if user_id == self.users[0] else self.users[0]


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything there is, by id."""

    owners: Mapping[str, str]
    """Whose a request is."""
    matches: Mapping[str, Meeting]
    by_session: Mapping[str, Meeting] = field(init=False)

    def __post_init__(self) -> None:
        sessions = {match.session_id: match for match in self.matches.values() if match.session_id}
        object.__setattr__(self, "by_session", sessions)

    @classmethod
    async def read(cls, sql: asyncpg.Connection) -> Truth:
        """As it stands now."""
        owners = {str(row["id"]): row["user_id"] for row in await sql.fetch("SELECT id, user_id FROM match_requests")}
        rows = await sql.fetch("SELECT *, question ->> 'id' AS question_id FROM matches")
        return cls(owners, {str(row["id"]): _meeting(row) for row in rows})


def _meeting(row: asyncpg.Record) -> Meeting:
    return Meeting(
        users=(row["user1_id"], row["user2_id"]),
        bucket=(row["difficulty"], row["topic"]),
        status=row["status"],
        session_id=str(row["session_id"]) if row["session_id"] else None,
        question_id=row["question_id"],
    )


def complaints(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    """What is wrong with *frame* at a socket of *user_id*; nothing when it is about them, and true."""
    kind = frame["type"]
    if kind not in CHECKS:
        yield f"{kind} is no frame that this page knows"
        return
    for text in _texts(frame):
        yield from _foreign(user_id, text, truth)
    try:
        yield from CHECKS[kind](user_id, frame, truth)
    except KeyError as error:
        yield f"{kind} names {error}, which does not exist"


def _foreign(user_id: str, text: str, truth: Truth) -> Iterator[str]:
    """Whatever field it stands in: an id is one's own, or of a match one is in."""
    if _UUID.fullmatch(text) is None:
        return
    match = truth.matches.get(text) or truth.by_session.get(text)
    if match is not None and user_id not in match.users:
        yield f"{text} is a match or session of others"
    elif match is None and truth.owners.get(text) != user_id:
        yield f"{text} is a request of {truth.owners.get(text, 'nobody')}"


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            yield from (text for inner in value.values() for text in _texts(inner))
        case list():
            yield from (text for inner in value for text in _texts(inner))
        case _:
            return  # numbers, flags and nothing at all name nobody


def _differing(said: Mapping[str, object], true: Mapping[str, object]) -> Iterator[str]:
    yield from (f"{name} is {said[name]!r} and not {value!r}" for name, value in true.items() if said[name] != value)


def _match_found(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    match = truth.matches[frame["match_id"]]
    difficulty, topic = match.bucket
    yield from _differing(frame, {"partner_id": match.partner_of(user_id), "difficulty": difficulty, "topic": topic})


def _match_ready(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    match = truth.matches[frame["match_id"]]
    ids = {"session_id": match.session_id, "question_id": match.question_id}
    yield from _differing(frame, {**ids, "partner_id": match.partner_of(user_id)})


def _match_expired(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    match = truth.matches[frame["match_id"]]
    yield from _differing({"status": _REASONS[frame["reason"]]}, {"status": match.status})


def _partner_left(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    yield from _differing(frame, {"user_id": truth.by_session[frame["session_id"]].partner_of(user_id)})


def _state(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    if (now := frame["match"]) is not None:
        yield from _match_found(user_id, now, truth)
    if (session := frame["session"]) is not None:
        match = truth.matches[session["match_id"]]
        yield from _differing(session, {"session_id": match.session_id, "partner_id": match.partner_of(user_id)})


def _nothing(user_id: str, frame: Frame, truth: Truth) -> Iterator[str]:
    yield from ()


CHECKS: Final[Mapping[str, Callable[[str, Frame, Truth], Iterator[str]]]] = {
    "state": _state,
    "match_found": _match_found,
    "partner_confirmed": _nothing,
    "match_ready": _match_ready,
    "match_expired": _match_expired,
    "request_timeout": _nothing,
    "partner_left": _partner_left,
    "pong": _nothing,
    "error": _nothing,
}
"""What is asked of a frame beside that it names nobody else's ids."""

_PERSONAL: Final = frozenset({"partner_id", "requeued", "request_id"})


def disagreements(frames: Iterable[Frame]) -> Iterator[str]:
    """Where the frames about one match, whoever got them, tell different stories."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for frame in frames:
        if "match_id" in frame:
            common = {name: value for name, value in frame.items() if name not in _PERSONAL}
            told[frame["match_id"], frame["type"]].add(json.dumps(common, sort_keys=True))
    yield from (f"{match_id}: {stories}" for (match_id, _), stories in told.items() if len(stories) > 1)
