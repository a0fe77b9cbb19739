"""The read side: questions about the past go straight to the stores, not through a mailbox."""

from __future__ import annotations

from typing import Protocol

from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.news import Snapshot
from domain.request import MatchRequest, Place
from domain.session import Document, Session


class Reads(Protocol):
    """What handlers may ask.  None means unknown *or* not the user's; callers cannot tell which.

    Raises :class:`~domain.errors.StoreUnavailable`.
    """

    async def request(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        """One request of the user's."""

    async def place(self, request: MatchRequest) -> Place:
        """How the search of a pending request goes."""

    async def match(self, user_id: UserId, match_id: MatchId) -> Match | None:
        """One match the user is or was in."""

    async def active_session(self, user_id: UserId) -> Session | None:
        """The newest session the user is in and has not left."""

    async def session(self, user_id: UserId, session_id: SessionId) -> tuple[Session, Document] | None:
        """A session the user is in, with what is typed in it."""

    async def any_session(self, session_id: SessionId) -> tuple[Session, Document] | None:
        """A session, whoever asks: only for ``LEGACY_OPEN_SESSION_READ``."""

    async def snapshot(self, user_id: UserId) -> Snapshot:
        """Where the user stands now."""
