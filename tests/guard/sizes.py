"""Prints how much people and matches take in memory and in the stores: ``python -m tests.guard.sizes``."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import redis
import typer

from service.embedded import temporary_servers
from service.embedded.databases import fresh_database, make_template
from tests.e2e.client import Crowd
from tests.e2e.replica import Replica, running

MATCHES = 20_000
PEOPLE = 100_000
SOCKETS = 1_000

QUESTION = (
    '{"id": "6f1d3c1e-0000-4000-8000-000000000000", "title": "Longest Increasing Subsequence", '
    '"difficulty": "easy", "topics": ["Array", "Dynamic Programming"]}'
)

FILL = {
    "match_requests": f"""
INSERT INTO match_requests (id, user_id, difficulty, topic, status, expires_at, match_id, ended_at)
SELECT gen_random_uuid(), gen_random_uuid()::text, 'easy', 'Array', 'confirmed', now(), gen_random_uuid(), now()
FROM generate_series(1, {2 * MATCHES})""",
    "matches": f"""
INSERT INTO matches (id, difficulty, topic, request1_id, request2_id, user1_id, user2_id, status, deadline,
                     user1_confirmed_at, user2_confirmed_at, confirmed_at, session_id, question, untold)
SELECT gen_random_uuid(), 'easy', 'Array', gen_random_uuid(), gen_random_uuid(), gen_random_uuid()::text,
       gen_random_uuid()::text, 'ready', now(), now(), now(), now(), gen_random_uuid(), '{QUESTION}', false
FROM generate_series(1, {MATCHES})""",
    "outbox": f"""
INSERT INTO outbox (event_id, routing_key, body, published_at)
SELECT gen_random_uuid(), 'match.found', convert_to(repeat('x', 520), 'UTF8'), now()
FROM generate_series(1, {MATCHES})""",
}
"""What a match leaves behind: two requests, itself and an event."""


def main() -> None:
    with temporary_servers() as servers:
        database_url, redis_url = servers.urls.database_url, servers.urls.redis_url
        assert database_url is not None
        assert redis_url is not None
        asyncio.run(_measure(database_url, redis_url))
        with redis.Redis.from_url(redis_url) as index:
            typer.echo(f"a waiting user: {_waiting(index):.0f} bytes in Redis")
            typer.echo(f"a session: {_sessions(index):.0f} bytes in Redis")


async def _measure(database_url: str, redis_url: str) -> None:
    await make_template(database_url)
    await _tables(database_url)
    async with fresh_database(database_url) as url:
        typer.echo(f"an idle socket: {await _socket(url, redis_url):.1f} KiB of the service")


async def _socket(database_url: str, redis_url: str) -> float:
    """What the process grows by for each, the first hundred aside."""
    where = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "QUESTION_SERVICE_URL": "http://127.0.0.1:9"}
    with tempfile.TemporaryDirectory(prefix="sizes-") as folder:
        async with running(Replica(Path(folder), **where)) as (replica,), Crowd(replica) as crowd:
            sizes = []
            for number in (100, SOCKETS - 100):
                for _ in range(number // 50):
                    await asyncio.gather(*(crowd.connected() for _ in range(50)))
                status = Path(f"/proc/{replica.process.pid}/status").read_text(encoding="utf-8")
                sizes.append(int(status.partition("VmRSS:")[2].split()[0]))
            return (sizes[1] - sizes[0]) / (SOCKETS - 100)


async def _tables(server_url: str) -> None:
    async with fresh_database(server_url) as url:
        sql = await asyncpg.connect(url)
        for table, statement in FILL.items():
            await sql.execute(statement)
            size = await sql.fetchval("SELECT pg_total_relation_size($1::text::regclass)", table)
            typer.echo(f"{table}: {size / MATCHES:.0f} bytes a match, indexes included")
        await sql.close()


def _waiting(index: redis.Redis) -> float:
    before = _used(index)
    pipe = index.pipeline()
    for number in range(PEOPLE):
        pipe.zadd(f"queue:easy:Topic {number % 45}", {str(uuid.uuid4()): 1_764_000_000.123456 + number})
    pipe.execute()
    return (_used(index) - before) / PEOPLE


def _sessions(index: redis.Redis) -> float:
    before = _used(index)
    pipe = index.pipeline()
    for _ in range(MATCHES):
        fields: dict[Any, Any] = {"question": QUESTION, "code": "", "language": "python"}
        fields |= {"users": f'["{uuid.uuid4()}", "{uuid.uuid4()}"]', "match_id": str(uuid.uuid4())}
        fields |= {"difficulty": "easy", "topic": "Array", "created_at": "2026-11-25T12:00:00.000Z"}
        pipe.hset(f"session:{uuid.uuid4()}", mapping=fields)
    pipe.execute()
    return (_used(index) - before) / MATCHES


def _used(index: redis.Redis) -> int:
    return int(index.info("memory")["used_memory"])


if __name__ == "__main__":
    typer.run(main)
