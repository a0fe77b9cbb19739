"""What users are told, one value per kind of WebSocket frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.ids import MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import Match
from domain.reasons import EndReason
from domain.request import Difficulty, MatchRequest, RequestStatus
from domain.requeue import Ending
from domain.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchFound:
    """A compatible partner was found: confirm or decline before ``expires_at``."""

    match_id: MatchId
    partner_id: UserId
    difficulty: Difficulty
    topic: str
    expires_at: datetime

    @classmethod
    def to(cls, user_id: UserId, match: Match) -> MatchFound:
        """What *user_id* is told of a new *match*."""
        return cls(
            match_id=match.id,
            partner_id=match.partner_of(user_id).user_id,
            difficulty=match.bucket.difficulty,
            topic=match.bucket.topic,
            expires_at=match.deadline,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerConfirmed:
    """The other one said yes first."""

    match_id: MatchId


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchReady:
    """Both confirmed and the session exists."""

    match_id: MatchId
    session_id: SessionId
    question_id: QuestionId
    partner_id: UserId

    @classmethod
    def to(cls, user_id: UserId, session: Session) -> MatchReady:
        """What *user_id* is told of an opened *session*."""
        return cls(
            match_id=session.match_id,
            session_id=session.id,
            question_id=session.question.id,
            partner_id=session.partner_of(user_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchExpired:
    """The match ended without a session."""

    match_id: MatchId
    reason: EndReason
    requeued: bool
    """Whether this user waits again, at the old place."""
    request_id: RequestId

    @classmethod
    def to(cls, user_id: UserId, ending: Ending) -> MatchExpired:
        """What *user_id* is told of an *ending*."""
        seat = ending.match.seat_of(user_id)
        return cls(
            match_id=ending.match.id,
            reason=ending.reason,
            requeued=ending.outcome(seat) is RequestStatus.PENDING,
            request_id=seat.request_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTimeout:
    """Nobody came in time."""

    request_id: RequestId


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerLeft:
    """The other one left the session."""

    session_id: SessionId
    user_id: UserId


News = MatchFound | PartnerConfirmed | MatchReady | MatchExpired | RequestTimeout | PartnerLeft


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a user stands now: the first thing told after every connect."""

    request: MatchRequest | None
    """The live request."""
    match: Match | None
    """The match that awaits a confirmation or its session."""
    session: Session | None
    """The newest session the user has not left."""
