"""What users are told, one value per kind of WebSocket frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.ids import MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import EndReason, Match
from domain.request import Difficulty, MatchRequest
from domain.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchFound:
    """A compatible partner was found: confirm or decline before ``expires_at``."""

    match_id: MatchId
    partner_id: UserId
    difficulty: Difficulty
    topic: str
    expires_at: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchExpired:
    """The match ended without a session."""

    match_id: MatchId
    reason: EndReason
    requeued: bool
    """Whether this user waits again, at the old place."""
    request_id: RequestId


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
