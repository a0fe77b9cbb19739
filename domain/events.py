"""What sibling services are told once it is true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.ids import EventId, SessionId, UserId
from domain.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchFoundEvent:
    """Both confirmed and the session can be read."""

    event_id: EventId
    occurred_at: datetime
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLeftEvent:
    """Someone left a session."""

    event_id: EventId
    occurred_at: datetime
    session_id: SessionId
    user_id: UserId
    remaining: tuple[UserId, ...]


Event = MatchFoundEvent | SessionLeftEvent


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event in its wire form, as the outbox keeps it until the broker has it."""

    event_id: EventId
    routing_key: str
    body: bytes
    """JSON, UTF-8."""
