"""A user's wish to be matched, and the bucket it waits in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import MatchId, RequestId, UserId


class Difficulty(StrEnum):
    """How hard the question shall be."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Bucket:
    """The pool of people who want the same difficulty and topic."""

    difficulty: Difficulty
    topic: str

    def __str__(self) -> str:
        """``easy:Array``: unambiguous, since a topic holds no colon."""
        return f"{self.difficulty}:{self.topic}"


class RequestStatus(StrEnum):
    """Where a request stands.

    ::

        PENDING --paired-----> MATCHED --session opened--> CONFIRMED
           |                    |  |
           |--cancelled--> CANCELLED <--declined by its owner
           |--nobody came--> TIMED_OUT <--owner did not answer
           ^                    |
           '-----requeued-------'   (the match failed, and not by its owner)

    At most one request of a user is *live*: pending or matched.
    """

    PENDING = "pending"
    MATCHED = "matched"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timeout"

    @property
    def is_live(self) -> bool:
        """Whether the request still keeps its owner from asking for something else."""
        return self in (RequestStatus.PENDING, RequestStatus.MATCHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRequest:
    """One request, as PostgreSQL last told it."""

    id: RequestId
    user_id: UserId
    bucket: Bucket
    status: RequestStatus
    created_at: datetime
    """When it was made; its place in the queue, kept when it is requeued."""
    expires_at: datetime
    """When the search ends: renewed when the user asks again or is requeued."""
    match_id: MatchId | None = None
    avoid: UserId | None = None
    """Whom it was matched with last, in vain: not again while others wait."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The request is in the queue, durably."""

    request: MatchRequest
    already_queued: bool
    """Whether it was before: the same request, its search clock started anew."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A place in the queue: who waits, since when, and whom to avoid."""

    user_id: UserId
    since: float
    """The request's ``created_at`` as epoch seconds: the score in the index."""
    avoid: UserId | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """How the search of a pending request goes."""

    position: int
    """1 is next."""
    waiting_seconds: float
    estimated_wait_seconds: float | None
    """What the bucket's latest matches waited on average; unknown before the first."""
