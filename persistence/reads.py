"""The read side over both stores: PostgreSQL knows who may see a session, Redis what is typed in it."""

from __future__ import annotations

from domain.errors import StoreUnavailable
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.news import Snapshot
from domain.request import MatchRequest, Place
from domain.session import Document, Session
from persistence.postgres.requests import PostgresRequests
from persistence.postgres.views import PostgresViews
from persistence.redis.sessions import RedisSessions


class StoredReads:
    """Satisfies ``web.reads.Reads``."""

    def __init__(self, *, requests: PostgresRequests, views: PostgresViews, sessions: RedisSessions) -> None:
        self._requests = requests
        self._views = views
        self._sessions = sessions

    async def request(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        """One request of the user's."""
        return await self._requests.get(user_id, request_id)

    async def place(self, request: MatchRequest) -> Place:
        """How the search of a pending request goes."""
        return await self._views.place(request)

    async def match(self, user_id: UserId, match_id: MatchId) -> Match | None:
        """One match the user is or was in."""
        return await self._views.match(user_id, match_id)

    async def active_session(self, user_id: UserId) -> Session | None:
        """The newest session the user is in and has not left."""
        match = await self._views.active(user_id)
        return match.session if match else None

    async def session(self, user_id: UserId, session_id: SessionId) -> tuple[Session, Document] | None:
        """A session the user is in, with what is typed in it."""
        match = await self._views.of_own_session(user_id, session_id)
        return await self._with_document(match) if match else None

    async def any_session(self, session_id: SessionId) -> tuple[Session, Document] | None:
        """A session, whoever asks."""
        match = await self._views.of_session(session_id)
        return await self._with_document(match) if match else None

    async def snapshot(self, user_id: UserId) -> Snapshot:
        """Where the user stands now."""
        return await self._views.snapshot(user_id)

    async def _with_document(self, match: Match) -> tuple[Session, Document] | None:
        session = match.session
        if session is None:
            return None
        try:
            document = await self._sessions.document(session.id)
            if document is None:  # Redis has lost it, or some of it; others look for it there
                await self._sessions.create(session)
                document = await self._sessions.document(session.id)
        except StoreUnavailable:
            document = None
        return session, document or Document()
