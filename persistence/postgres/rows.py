"""From rows to domain values."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final, TypeVar

import asyncpg

from domain.ids import MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import Match, MatchState, Participant
from domain.request import Bucket, Difficulty, MatchRequest, RequestStatus
from domain.session import Question

REQUEST: Final = "id, user_id, difficulty, topic, status, created_at, expires_at, match_id, avoid"
"""The columns of :func:`request_of`."""

VOUCHED: Final = "interval '2 seconds'"
"""How long after a sign of life a deadline that passes has passed for good.

Whatever was to be over later than that may get its time back with the next sign, if that comes after an outage (see
:class:`~persistence.postgres.recovery.PostgresRecovery`); until then nobody is told that it is over.
"""

_MAY_BE_GIVEN_BACK = f"""EXISTS (SELECT FROM heartbeat WHERE id AND created_at <= beaten_at
        AND deadline > beaten_at + {VOUCHED})"""

MATCH: Final = f"""id, difficulty, topic, request1_id, request2_id, user1_id, user2_id, status, created_at, deadline,
    status = 'proposed' AND deadline <= now() AND NOT {_MAY_BE_GIVEN_BACK} AS overdue,
    user1_confirmed_at IS NOT NULL AS user1_confirmed, user2_confirmed_at IS NOT NULL AS user2_confirmed,
    confirmed_at, coalesce(extract(epoch FROM now() - confirmed_at), 0)::float8 AS confirmed_for, session_id, question,
    user1_left_at IS NOT NULL AS user1_left, user2_left_at IS NOT NULL AS user2_left, declined_by"""
"""The columns of :func:`match_of`."""

Row = asyncpg.Record

E = TypeVar("E", bound=StrEnum)


class _Members(dict[str, E]):
    """An enum's members by their text: calling the enum costs ten times as much."""

    def __init__(self, kind: type[E]) -> None:
        super().__init__((one.value, one) for one in kind)
        self._kind = kind

    def __missing__(self, text: str) -> E:
        return self._kind(text)


_DIFFICULTY = _Members(Difficulty)
_STATUS = _Members(RequestStatus)
_STATE = _Members(MatchState)


def prefixed(table: str, columns: str) -> str:
    """Plain column names, each as ``table.column``."""
    return ", ".join(f"{table}.{column.strip()}" for column in columns.split(","))


def bucket_of(row: Row) -> Bucket:
    """A bucket from ``difficulty`` and ``topic``."""
    return Bucket(_DIFFICULTY[row["difficulty"]], row["topic"])


def request_of(row: Row, prefix: str = "") -> MatchRequest:
    """A request from the columns :data:`REQUEST`, each named with *prefix*."""
    match_id = row[f"{prefix}match_id"]
    return MatchRequest(
        id=RequestId(str(row[f"{prefix}id"])),
        user_id=UserId(row[f"{prefix}user_id"]),
        bucket=Bucket(_DIFFICULTY[row[f"{prefix}difficulty"]], row[f"{prefix}topic"]),
        status=_STATUS[row[f"{prefix}status"]],
        created_at=row[f"{prefix}created_at"],
        expires_at=row[f"{prefix}expires_at"],
        match_id=None if match_id is None else MatchId(str(match_id)),
        avoid=row[f"{prefix}avoid"],
    )


def match_of(row: Row) -> Match:
    """A match from the columns :data:`MATCH`."""
    return Match(
        id=MatchId(str(row["id"])),
        bucket=bucket_of(row),
        first=_participant_of(row, "1"),
        second=_participant_of(row, "2"),
        state=_STATE[row["status"]],
        created_at=row["created_at"],
        deadline=row["deadline"],
        overdue=row["overdue"],
        confirmed_at=row["confirmed_at"],
        confirmed_for=row["confirmed_for"],
        session_id=None if row["session_id"] is None else SessionId(str(row["session_id"])),
        question=None if row["question"] is None else question_of(row["question"]),
        declined_by=row["declined_by"],
    )


def _participant_of(row: Row, number: str) -> Participant:
    return Participant(
        user_id=UserId(row[f"user{number}_id"]),
        request_id=RequestId(str(row[f"request{number}_id"])),
        confirmed=row[f"user{number}_confirmed"],
        left=row[f"user{number}_left"],
    )


def question_of(text: str) -> Question:
    """A question from its ``jsonb`` text."""
    question = json.loads(text)
    return Question(QuestionId(question["id"]), question["title"], question["difficulty"], tuple(question["topics"]))


def question_json(question: Question) -> str:
    """The ``jsonb`` text of a question."""
    return json.dumps(
        {"id": question.id, "title": question.title, "difficulty": question.difficulty, "topics": question.topics}
    )
