"""What a contract is held against: two sets of ports over one truth, and hands to disturb it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from actors.ports import Matches, Openings, Outbox, Proposals, Queue, Recovery, Requests, Sessions
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.request import Bucket, MatchRequest
from domain.session import Document
from web.reads import Reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """The ports as one process has them."""

    requests: Requests
    proposals: Proposals
    matches: Matches
    openings: Openings
    outbox: Outbox
    recovery: Recovery
    queue: Queue
    sessions: Sessions
    reads: Reads


class World(ABC):
    """Two replicas over the same stores, and what happens behind their backs."""

    def __init__(self, here: Replica, other: Replica) -> None:
        self.here = here
        self.other = other
        self.second_tries_allowed = False
        """Whether statements may deadlock, and so be run again, in this test."""

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """Let so many seconds go by."""

    @abstractmethod
    def hold(self, user_id: UserId) -> AbstractAsyncContextManager[None]:
        """Keep the row of the user's live request locked from yet another connection."""

    @abstractmethod
    async def all_requests(self) -> dict[RequestId, MatchRequest]:
        """Every request, in the order of the queue."""

    @abstractmethod
    async def all_matches(self) -> dict[MatchId, Match]:
        """Every match."""

    @abstractmethod
    async def type_code(self, session_id: SessionId, code: str) -> None:
        """Write into a session as the Collaboration Service does."""

    @abstractmethod
    async def typed(self, session_id: SessionId) -> Document | None:
        """What stands in a session."""

    @abstractmethod
    async def lose_index(self) -> None:
        """Forget everything that is in Redis."""

    @abstractmethod
    async def spoil(self, bucket: Bucket) -> None:
        """Put something that is no queue where the bucket's queue should be."""
