"""People who wait, and history, put into the stores at once."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import asyncpg
from redis.asyncio import Redis

from domain.request import Bucket, Difficulty
from persistence.redis.keys import queue_key
from tests.load import house

TABLES: Final = ("match_requests", "matches", "outbox")
CROWDED: Final = 300
"""Buckets that those who wait are spread over; nobody else comes to them."""

# They expire later than anybody who came through the service, so the janitor does not take them for unpaired.
_WAITING = """
INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)
SELECT gen_random_uuid(), 'waiting-' || n, 'hard', 'Crowd ' || n % $3, now() + interval '1 day'
FROM generate_series($1::int, $2::int) AS n
RETURNING user_id, topic, extract(epoch FROM created_at)::float8 AS since
"""

_REQUESTS = """
INSERT INTO match_requests (id, user_id, difficulty, topic, status, created_at, expires_at, match_id, ended_at)
SELECT gen_random_uuid(), 'former-' || n, 'easy', 'Topic ' || 1 + n % 8, 'confirmed', at, at + interval '1 minute',
       gen_random_uuid(), at + interval '30 seconds'
FROM (SELECT n, now() - interval '20 days' + n * interval '1 millisecond' AS at
      FROM generate_series($1::int, $2::int) AS n) AS former
"""

_MATCHES = """
INSERT INTO matches (id, difficulty, topic, request1_id, request2_id, user1_id, user2_id, status, created_at,
                     changed_at, deadline, user1_confirmed_at, user2_confirmed_at, confirmed_at, session_id, question,
                     untold)
SELECT gen_random_uuid(), 'easy', 'Topic ' || 1 + n % 8, gen_random_uuid(), gen_random_uuid(), 'former-' || n,
       'former-' || n + 1, 'closed', at, at, at, at, at, at, gen_random_uuid(), '{"id": "q"}', false
FROM (SELECT n, now() - interval '20 days' + n * interval '1 millisecond' AS at
      FROM generate_series($1::int, $2::int, 2) AS n) AS former
"""

_EVENTS = """
INSERT INTO outbox (event_id, routing_key, body, created_at, published_at)
SELECT gen_random_uuid(), 'match.found', '{}', at, at
FROM (SELECT now() - interval '20 days' + n * interval '1 millisecond' AS at
      FROM generate_series($1::int, $2::int, 2) AS n) AS former
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Both stores, by connections of our own."""

    postgres: asyncpg.Connection[asyncpg.Record]
    redis: Redis

    async def clear(self) -> None:
        """Forget everybody and everything; rows are counted again."""
        await self.postgres.execute(f"TRUNCATE {', '.join(TABLES)}")
        for table in TABLES:
            await self.postgres.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
        await self.redis.flushdb()

    async def wait(self, first: int, last: int) -> None:
        """Let users of these numbers wait, in PostgreSQL and in the index."""
        members: dict[str, dict[str, float]] = defaultdict(dict)
        for row in await self.postgres.fetch(_WAITING, first, last, CROWDED):
            key = queue_key(Bucket(Difficulty.HARD, row["topic"]))
            members[key][row["user_id"]] = row["since"]
        for key, people in members.items():
            await self.redis.zadd(key, people)

    async def end(self, first: int, last: int) -> None:
        """Requests of these numbers that ended long ago, a match and an event for every two."""
        for statement in (_REQUESTS, _MATCHES, _EVENTS):
            await self.postgres.execute(statement, first, last)

    async def keep_statistics_cold(self) -> None:
        """Nobody counts rows from now on: the planner believes what it was told of empty tables."""
        for table in TABLES:
            await self.postgres.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")

    async def kib(self) -> dict[str, float]:
        """What the stores keep."""
        postgres = await self.postgres.fetchval("SELECT pg_total_relation_size('match_requests')")
        told = await self.redis.info("memory")
        return {"PostgreSQL": postgres / 1024, "Redis": told["used_memory"] / 1024}


@contextlib.asynccontextmanager
async def connected(stage: house.Stage) -> AsyncIterator[Rows]:
    """Connections that end with the block."""
    postgres = await asyncpg.connect(stage.urls.database_url)
    try:
        async with Redis.from_url(stage.urls.redis_url or "") as redis:
            yield Rows(postgres, redis)
    finally:
        await postgres.close()
