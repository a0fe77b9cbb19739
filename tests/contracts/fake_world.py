"""The world in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.request import Bucket, MatchRequest
from domain.session import Document
from tests.contracts.world import Replica, World
from tests.fakes.store import FakeStore


def replica_of(store: FakeStore) -> Replica:
    return Replica(
        requests=store.requests,
        proposals=store.proposals,
        matches=store.matches,
        openings=store.openings,
        outbox=store.outbox,
        recovery=store.recovery,
        queue=store.queue,
        sessions=store.sessions,
        reads=store.reads,
    )


class FakeWorld(World):
    def __init__(self) -> None:
        self._store = FakeStore()
        super().__init__(replica_of(self._store), replica_of(self._store))

    async def pass_time(self, seconds: float) -> None:
        self._store.clock.advance(seconds)

    @asynccontextmanager
    async def hold(self, user_id: UserId) -> AsyncIterator[None]:
        self._store.tables.held.add(user_id)
        yield
        self._store.tables.held.remove(user_id)

    async def all_requests(self) -> dict[RequestId, MatchRequest]:
        return {row.value.id: row.value for row in self._store.tables.in_queue_order()}

    async def all_matches(self) -> dict[MatchId, Match]:
        return {match_id: row.value for match_id, row in self._store.tables.matches.items()}

    async def type_code(self, session_id: SessionId, code: str) -> None:
        self._store.sessions.typed[session_id] = Document(code)

    async def typed(self, session_id: SessionId) -> Document | None:
        return self._store.sessions.typed.get(session_id)

    async def lose_index(self) -> None:
        self._store.queue.slices.clear()
        self._store.sessions.sessions.clear()
        self._store.sessions.typed.clear()

    async def spoil(self, bucket: Bucket) -> None:
        self._store.queue.slices.pop(bucket, None)
