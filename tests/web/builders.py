"""Sample values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.ids import MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import Match, MatchState, Participant
from domain.request import Bucket, Difficulty, MatchRequest, RequestStatus
from domain.session import Question, Session

ALICE = UserId("user-123")
BOB = UserId("user-456")
REQUEST_ID = RequestId("01990000-0000-7000-8000-000000000001")
OTHER_REQUEST_ID = RequestId("01990000-0000-7000-8000-000000000002")
MATCH_ID = MatchId("01990000-0000-7000-8000-00000000000a")
SESSION_ID = SessionId("01990000-0000-7000-8000-00000000000b")
UNKNOWN_ID = "01990000-0000-7000-8000-00000000ffff"
BUCKET = Bucket(Difficulty.EASY, "Array")
CREATED = datetime(2025, 11, 12, 6, 40, 23, 123456, tzinfo=UTC)
QUESTION = Question(QuestionId("q-1"), "Two Sum", "easy", ("Array",))


def request(**changes: Any) -> MatchRequest:
    given: dict[str, Any] = {
        "id": REQUEST_ID,
        "user_id": ALICE,
        "bucket": BUCKET,
        "status": RequestStatus.PENDING,
        "created_at": CREATED,
        "expires_at": CREATED + timedelta(seconds=60),
    }
    return MatchRequest(**given | changes)


def match(**changes: Any) -> Match:
    given: dict[str, Any] = {
        "id": MATCH_ID,
        "bucket": BUCKET,
        "first": Participant(ALICE, REQUEST_ID),
        "second": Participant(BOB, OTHER_REQUEST_ID),
        "state": MatchState.PROPOSED,
        "created_at": CREATED,
        "deadline": CREATED + timedelta(seconds=120),
    }
    return Match(**given | changes)


def ready_match() -> Match:
    return match(
        first=Participant(ALICE, REQUEST_ID, confirmed=True),
        second=Participant(BOB, OTHER_REQUEST_ID, confirmed=True),
        state=MatchState.READY,
        confirmed_at=CREATED,
        session_id=SESSION_ID,
        question=QUESTION,
    )


def session() -> Session:
    opened = ready_match().session
    assert opened is not None
    return opened
