"""The wire form of ``match.found`` and ``session.left``.

The models are also the source of the event documentation; :data:`MESSAGES` lists them by routing key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from domain.events import Event, MatchFoundEvent, Outgoing, SessionLeftEvent

Moment = Annotated[
    str,
    Field(
        description="RFC 3339, UTC, whole seconds.",
        examples=["2025-11-12T06:40:23Z"],
        json_schema_extra={"format": "date-time"},
    ),
]
EventIdText = Annotated[str, Field(description="The same however often the event is delivered: tell repeats by it.")]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class QuestionBody(_Message):
    """The question the two will work on."""

    id: str
    title: str
    difficulty: str
    topics: tuple[str, ...]


class MatchFoundMessage(_Message):
    """Both users confirmed, and their session can be read."""

    event_type: Literal["match.found"] = "match.found"
    session_id: str
    users: Annotated[tuple[str, str], Field(description="Both user ids.", examples=[["user-123", "user-456"]])]
    question_id: str
    difficulty: Annotated[str, Field(examples=["easy"])]
    topic: Annotated[str, Field(examples=["Array"])]
    version: Literal[1] = 1
    event_id: EventIdText
    occurred_at: Moment
    match_id: str
    question: QuestionBody


class SessionLeftMessage(_Message):
    """Someone left a session."""

    event_type: Literal["session.left"] = "session.left"
    session_id: str
    user_id: Annotated[str, Field(description="Who left.", examples=["user-123"])]
    remaining: Annotated[tuple[str, ...], Field(description="Who is still there.", examples=[["user-456"]])]
    version: Literal[1] = 1
    event_id: EventIdText
    occurred_at: Moment


MESSAGES: Final[Mapping[str, type[BaseModel]]] = {
    "match.found": MatchFoundMessage,
    "session.left": SessionLeftMessage,
}
"""What is published, by routing key."""


def encode(event: Event) -> Outgoing:
    """*event* as it goes into the outbox and over the wire."""
    message = _message(event)
    return Outgoing(event.event_id, message.event_type, message.model_dump_json().encode())


def _message(event: Event) -> MatchFoundMessage | SessionLeftMessage:
    match event:
        case MatchFoundEvent():
            return _match_found(event)
        case SessionLeftEvent():
            return SessionLeftMessage(
                session_id=event.session_id,
                user_id=event.user_id,
                remaining=event.remaining,
                event_id=event.event_id,
                occurred_at=_moment(event.occurred_at),
            )
        case _:
            assert_never(event)


def _match_found(event: MatchFoundEvent) -> MatchFoundMessage:
    session = event.session
    question = session.question
    return MatchFoundMessage(
        session_id=session.id,
        users=session.users,
        question_id=question.id,
        difficulty=session.bucket.difficulty.value,
        topic=session.bucket.topic,
        event_id=event.event_id,
        occurred_at=_moment(event.occurred_at),
        match_id=session.match_id,
        question=QuestionBody(
            id=question.id, title=question.title, difficulty=question.difficulty, topics=question.topics
        ),
    )


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
