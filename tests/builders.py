"""Sample values: each call makes a new one, and only what a test is about need be said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from uuid_utils import uuid7

from domain.events import Event, MatchFoundEvent, SessionLeftEvent
from domain.ids import EventId, MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import Match, MatchState, Participant
from domain.pairing import Pair
from domain.request import Bucket, Difficulty, MatchRequest, RequestStatus, Waiting
from domain.session import Question, Session

NOON = datetime(2025, 11, 12, 12, 0, tzinfo=UTC)
BUCKET = Bucket(Difficulty.EASY, "Array")
OTHER_BUCKET = Bucket(Difficulty.HARD, "Dynamic Programming")
ANN, BEN, CAT, DAN = (UserId(name) for name in ("ann", "ben", "cat", "dan"))

_numbers: Iterator[int] = count(1)


def new_user() -> UserId:
    return UserId(f"user-{next(_numbers)}")


def new_users(number: int) -> list[UserId]:
    return [new_user() for _ in range(number)]


def new_request_id() -> RequestId:
    return RequestId(str(uuid7()))


def new_match_id() -> MatchId:
    return MatchId(str(uuid7()))


def new_session_id() -> SessionId:
    return SessionId(str(uuid7()))


def new_event_id() -> EventId:
    return EventId(str(uuid7()))


def a_question(number: int = 1) -> Question:
    return Question(QuestionId(f"q-{number}"), f"Question {number}", "easy", ("Array", "Hash Table"))


def a_request(user_id: UserId = ANN, **changes: Any) -> MatchRequest:
    given: dict[str, Any] = {
        "id": new_request_id(),
        "user_id": user_id,
        "bucket": BUCKET,
        "status": RequestStatus.PENDING,
        "created_at": NOON,
        "expires_at": NOON + timedelta(seconds=60),
    }
    return MatchRequest(**given | changes)


def a_seat(user_id: UserId, *, confirmed: bool = False, left: bool = False) -> Participant:
    return Participant(user_id, new_request_id(), confirmed=confirmed, left=left)


def a_match(
    state: MatchState = MatchState.PROPOSED, *, first: UserId = ANN, second: UserId = BEN, **changes: Any
) -> Match:
    """A match as it would be read in *state*: both have confirmed where both must have."""
    both_confirmed = state in (MatchState.CONFIRMED, MatchState.READY, MatchState.CLOSED, MatchState.FAILED)
    opened = state in (MatchState.READY, MatchState.CLOSED)
    given: dict[str, Any] = {
        "id": new_match_id(),
        "bucket": BUCKET,
        "first": a_seat(first, confirmed=both_confirmed, left=state is MatchState.CLOSED),
        "second": a_seat(second, confirmed=both_confirmed, left=state is MatchState.CLOSED),
        "state": state,
        "created_at": NOON,
        "deadline": NOON + timedelta(seconds=120),
        "confirmed_at": NOON + timedelta(seconds=5) if both_confirmed else None,
        "session_id": new_session_id() if both_confirmed else None,
        "question": a_question() if opened else None,
        "declined_by": first if state is MatchState.DECLINED else None,
    }
    return Match(**given | changes)


def a_session(first: UserId = ANN, second: UserId = BEN) -> Session:
    session = a_match(MatchState.READY, first=first, second=second).session
    assert session is not None
    return session


def waiting(user_id: UserId, since: float = 0.0, avoid: UserId | None = None) -> Waiting:
    return Waiting(user_id, since, avoid)


def place(request: MatchRequest) -> Waiting:
    return Waiting(request.user_id, request.created_at.timestamp(), request.avoid)


def a_pair(first: UserId, second: UserId, *, again: bool = False) -> tuple[MatchId, Pair]:
    """A proposal as a bucket makes it."""
    return new_match_id(), Pair(waiting(first, 1.0), waiting(second, 2.0), again=again)


def found_event(session: Session) -> Event:
    return MatchFoundEvent(event_id=new_event_id(), occurred_at=session.created_at, session=session)


def left_event(match: Match, user_id: UserId) -> Event:
    assert match.session_id is not None
    partner = match.partner_of(user_id)
    return SessionLeftEvent(
        event_id=new_event_id(),
        occurred_at=NOON,
        session_id=match.session_id,
        user_id=user_id,
        remaining=() if partner.left else (partner.user_id,),
    )
