"""Every WebSocket frame, and how news becomes one."""

from __future__ import annotations

from typing import Annotated, Final, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from domain import news
from domain.ids import MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import Match
from domain.reasons import EndReason
from domain.request import Difficulty, MatchRequest
from web.schemas import ActiveSession, Moment, StateText


class Frame(BaseModel):
    """One JSON object, ``type`` first."""

    model_config = ConfigDict(frozen=True)


class MatchFound(Frame):
    """A compatible partner was found: confirm or decline before ``expires_at``."""

    type: Literal["match_found"] = "match_found"
    match_id: MatchId
    partner_id: UserId
    difficulty: Difficulty
    topic: str
    expires_at: Moment


class PartnerConfirmed(Frame):
    """The other one said yes first."""

    type: Literal["partner_confirmed"] = "partner_confirmed"
    match_id: MatchId


class MatchReady(Frame):
    """Both confirmed and the session exists."""

    type: Literal["match_ready"] = "match_ready"
    match_id: MatchId
    session_id: SessionId
    question_id: QuestionId
    partner_id: UserId


class MatchExpired(Frame):
    """The match ended without a session."""

    type: Literal["match_expired"] = "match_expired"
    match_id: MatchId
    reason: EndReason
    requeued: Annotated[bool, Field(description="Whether you wait again, at your old place.")]
    request_id: RequestId


class RequestTimeout(Frame):
    """Nobody came in time."""

    type: Literal["request_timeout"] = "request_timeout"
    request_id: RequestId


class PartnerLeft(Frame):
    """The other one left the session."""

    type: Literal["partner_left"] = "partner_left"
    session_id: SessionId
    user_id: UserId


class RequestNow(Frame):
    """The live request."""

    id: RequestId
    status: Literal["pending", "matched"]
    difficulty: Difficulty
    topic: str
    match_id: MatchId | None
    created_at: Moment
    expires_at: Moment

    @classmethod
    def of(cls, request: MatchRequest) -> RequestNow:
        return cls(
            id=request.id,
            status="pending" if request.match_id is None else "matched",
            difficulty=request.bucket.difficulty,
            topic=request.bucket.topic,
            match_id=request.match_id,
            created_at=request.created_at,
            expires_at=request.expires_at,
        )


class MatchNow(Frame):
    """The match that awaits a confirmation or its session."""

    match_id: MatchId
    partner_id: UserId
    difficulty: Difficulty
    topic: str
    status: StateText
    you_confirmed: bool
    partner_confirmed: bool
    expires_at: Moment

    @classmethod
    def of(cls, match: Match, user_id: UserId) -> MatchNow:
        partner = match.partner_of(user_id)
        return cls(
            match_id=match.id,
            partner_id=partner.user_id,
            difficulty=match.bucket.difficulty,
            topic=match.bucket.topic,
            status=match.state,
            you_confirmed=match.seat_of(user_id).confirmed,
            partner_confirmed=partner.confirmed,
            expires_at=match.deadline,
        )


class State(Frame):
    """Where you stand now: first after every connect, and again when frames may have got lost."""

    type: Literal["state"] = "state"
    request: RequestNow | None
    match: MatchNow | None
    session: Annotated[ActiveSession | None, Field(description="The newest session you have not left.")]


class Pong(Frame):
    """Answer to ``ping``."""

    type: Literal["pong"] = "pong"


class Error(Frame):
    """What you sent is no JSON object; the third time closes the socket with 1008."""

    type: Literal["error"] = "error"
    code: Literal["malformed_frame"] = "malformed_frame"


class Ping(Frame):
    """Are you there?  The only frame a client may want to send."""

    type: Literal["ping"] = "ping"


SENT: Final[tuple[type[Frame], ...]] = (
    State, MatchFound, PartnerConfirmed, MatchReady, MatchExpired, RequestTimeout, PartnerLeft, Pong, Error,
)  # fmt: skip
"""Every frame the service sends."""

PONG: Final = Pong().model_dump_json().encode()
ERROR: Final = Error().model_dump_json().encode()
NOTHING: Final = State(request=None, match=None, session=None).model_dump_json().encode()
"""The ``state`` frame of whoever is new, and nearly all are."""


def state(snapshot: news.Snapshot, user_id: UserId) -> bytes:
    """The ``state`` frame of *user_id*."""
    request, match, session = snapshot.request, snapshot.match, snapshot.session
    if not (request or match or session):
        return NOTHING
    frame = State(
        request=RequestNow.of(request) if request else None,
        match=MatchNow.of(match, user_id) if match else None,
        session=ActiveSession.of(session, user_id) if session else None,
    )
    return frame.model_dump_json().encode()


def encode(told: news.News) -> str:
    """*told* as it goes over the wire."""
    return _frame(told).model_dump_json()


def _frame(told: news.News) -> Frame:
    match told:
        case news.MatchFound():
            return MatchFound(
                match_id=told.match_id,
                partner_id=told.partner_id,
                difficulty=told.difficulty,
                topic=told.topic,
                expires_at=told.expires_at,
            )
        case news.PartnerConfirmed():
            return PartnerConfirmed(match_id=told.match_id)
        case news.MatchReady():
            return MatchReady(
                match_id=told.match_id,
                session_id=told.session_id,
                question_id=told.question_id,
                partner_id=told.partner_id,
            )
        case news.MatchExpired():
            return MatchExpired(
                match_id=told.match_id, reason=told.reason, requeued=told.requeued, request_id=told.request_id
            )
        case news.RequestTimeout():
            return RequestTimeout(request_id=told.request_id)
        case news.PartnerLeft():
            return PartnerLeft(session_id=told.session_id, user_id=told.user_id)
        case _:
            assert_never(told)
