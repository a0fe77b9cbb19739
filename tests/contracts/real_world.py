"""The world of PostgreSQL and Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from unittest.mock import patch

import asyncpg
from redis.asyncio import Redis

from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.request import Bucket, MatchRequest
from domain.session import Document
from messaging.events import encode
from persistence.postgres.database import Database
from persistence.postgres.matches import PostgresMatches
from persistence.postgres.openings import PostgresOpenings
from persistence.postgres.outbox import PostgresOutbox
from persistence.postgres.proposals import PostgresProposals
from persistence.postgres.recovery import PostgresRecovery
from persistence.postgres.requests import PostgresRequests
from persistence.postgres.rows import MATCH, REQUEST, match_of, request_of
from persistence.postgres.views import PostgresViews
from persistence.reads import StoredReads
from persistence.redis import client as client_module
from persistence.redis.client import Reach, connect
from persistence.redis.keys import queue_key, session_key
from persistence.redis.lines import Client
from persistence.redis.queue import RedisQueue
from persistence.redis.sessions import RedisSessions
from tests.contracts.world import Replica, World
from tests.fakes.store import CONFIRM_SECONDS, RETENTION_DAYS, SEARCH_SECONDS, SESSION_SECONDS

# Time passes by moving everything into the past.
_PASS = (
    """UPDATE match_requests
       SET created_at = created_at - $1, expires_at = expires_at - $1, ended_at = ended_at - $1""",
    """UPDATE matches SET created_at = created_at - $1, changed_at = changed_at - $1, deadline = deadline - $1,
       user1_confirmed_at = user1_confirmed_at - $1, user2_confirmed_at = user2_confirmed_at - $1,
       confirmed_at = confirmed_at - $1""",
    """UPDATE outbox
       SET created_at = created_at - $1, claimed_until = claimed_until - $1, published_at = published_at - $1""",
    "UPDATE heartbeat SET beaten_at = beaten_at - $1",
)
_LOCK = "SELECT 1 FROM match_requests WHERE user_id = $1 AND status IN ('pending', 'matched') FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Connections:
    """What is opened once for all tests: two pools and clients, as two replicas have them, and the observer's own."""

    databases: tuple[Database, Database]
    clients: tuple[Client, Client]
    postgres: asyncpg.Connection
    redis: Redis
    failures: list[str]
    """Statements that did not succeed at once: deadlocks and time-outs among them."""

    async def empty(self) -> None:
        """Forget what the last test did."""
        for table in ("match_requests", "matches", "outbox", "heartbeat"):
            await self.postgres.execute(f"DELETE FROM {table}")
        await self.redis.flushall()
        self.failures.clear()


@asynccontextmanager
async def open_connections(database_url: str, redis_url: str) -> AsyncIterator[Connections]:
    async with AsyncExitStack() as stack:
        failures: list[str] = []
        databases = [await open_database(database_url, stack, failures.append) for _ in range(2)]
        clients = open_redis(redis_url, stack), open_redis(redis_url, stack)
        postgres = await asyncpg.connect(database_url)
        stack.push_async_callback(postgres.close)
        redis = open_redis(redis_url, stack)
        yield Connections((databases[0], databases[1]), clients, postgres, redis, failures)


async def open_database(url: str, stack: AsyncExitStack, failed: Callable[[str], None]) -> Database:
    database = Database(url, size=5, failed=failed)
    await database.open()
    stack.push_async_callback(database.close)
    return database


def open_redis(url: str, stack: AsyncExitStack) -> Client:
    with patch.object(client_module, "TIMEOUT_SECONDS", 5.0):  # what is true does not depend on who is busy
        client = connect(url)
    stack.push_async_callback(client.aclose)
    return client


def make_replica(database: Database, client: Client) -> Replica:
    reach = Reach(client, failed=lambda _: None)
    requests = PostgresRequests(database, search_seconds=SEARCH_SECONDS)
    sessions = RedisSessions(reach, seconds=int(SESSION_SECONDS), legacy_key=False)
    views = PostgresViews(database, session_seconds=SESSION_SECONDS)
    return Replica(
        requests=requests,
        proposals=PostgresProposals(database, confirm_seconds=CONFIRM_SECONDS),
        matches=PostgresMatches(database, search_seconds=SEARCH_SECONDS),
        openings=PostgresOpenings(database, encode=encode),
        outbox=PostgresOutbox(database),
        recovery=PostgresRecovery(database, search_seconds=SEARCH_SECONDS, retention_days=RETENTION_DAYS),
        queue=RedisQueue(reach),
        sessions=sessions,
        reads=StoredReads(requests=requests, views=views, sessions=sessions),
    )


class RealWorld(World):
    def __init__(self, connections: Connections) -> None:
        here, other = map(make_replica, connections.databases, connections.clients)
        super().__init__(here, other)
        self._postgres = connections.postgres
        self._redis = connections.redis

    async def pass_time(self, seconds: float) -> None:
        for statement in _PASS:
            await self._postgres.execute(statement.replace("$1", f"interval '{seconds} seconds'"))

    @asynccontextmanager
    async def hold(self, user_id: UserId) -> AsyncIterator[None]:
        async with self._postgres.transaction():
            await self._postgres.execute(_LOCK, user_id)
            yield

    async def all_requests(self) -> dict[RequestId, MatchRequest]:
        rows = await self._postgres.fetch(f"SELECT {REQUEST} FROM match_requests ORDER BY seq")
        return {request.id: request for request in map(request_of, rows)}

    async def all_matches(self) -> dict[MatchId, Match]:
        rows = await self._postgres.fetch(f"SELECT {MATCH} FROM matches")
        return {match.id: match for match in map(match_of, rows)}

    async def type_code(self, session_id: SessionId, code: str) -> None:
        await self._redis.hset(session_key(session_id), "code", code)

    async def typed(self, session_id: SessionId) -> Document | None:
        code, language = await self._redis.hmget(session_key(session_id), ["code", "language"])
        return None if code is None or language is None else Document(str(code), str(language))

    async def lose_index(self) -> None:
        await self._redis.flushall()

    async def spoil(self, bucket: Bucket) -> None:
        await self._redis.set(queue_key(bucket), "not a sorted set")
