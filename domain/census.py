"""What the janitor finds: counts for the metrics, and work that was left behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.ids import MatchId
from domain.match import Match
from domain.request import Bucket, MatchRequest


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What seems to have been left behind, a bounded number of each, oldest first."""

    overdue_requests: Sequence[MatchRequest]
    overdue_matches: Sequence[MatchId]
    unopened: Sequence[Match]
    """Confirmed for a while, without a session."""
    untold: Sequence[Match]
    """Changed a while ago, and not marked as told."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What one sign of life told of the time since the one before, whichever replica gave it."""

    away_seconds: float
    """How long nobody had given one; 0 at the very first."""
    extended: int
    """Matches whose people get the time back, since they could not confirm meanwhile."""
    clock_ahead_seconds: float
    """By how much this machine's clock is ahead of PostgreSQL's."""


@dataclass(frozen=True, slots=True)
class BucketCensus:
    """How a bucket does, for the metrics."""

    bucket: Bucket
    waiting: int
    oldest_wait_seconds: float


@dataclass(frozen=True, slots=True)
class OutboxCensus:
    """How the outbox does, for the metrics."""

    waiting: int
    oldest_seconds: float
