"""The statements that serve requests use their indexes, also on large tables without statistics."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from persistence.postgres import matches, openings, outbox, proposals, recovery, requests, views
from persistence.postgres.database import _SERVER_SETTINGS
from service.embedded.databases import fresh_database
from tests.builders import new_event_id, new_match_id, new_request_id, new_session_id

ROWS = 60_000

_FILL = (
    "ALTER TABLE match_requests SET (autovacuum_enabled = off)",
    "ALTER TABLE matches SET (autovacuum_enabled = off)",
    "ALTER TABLE outbox SET (autovacuum_enabled = off)",
    f"""INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at, status, ended_at, match_id)
        SELECT gen_random_uuid(), 'user-' || n, 'easy', 'Topic ' || n % 50, now() + interval '1 minute',
               CASE WHEN n % 4 = 0 THEN 'pending' ELSE 'confirmed' END,
               CASE WHEN n % 4 <> 0 THEN now() END, CASE WHEN n % 4 <> 0 THEN gen_random_uuid() END
        FROM generate_series(1, {ROWS}) n""",
    f"""INSERT INTO matches (id, difficulty, topic, request1_id, request2_id, user1_id, user2_id, deadline, status,
                            user1_confirmed_at, user2_confirmed_at, confirmed_at, session_id, question, untold)
        SELECT gen_random_uuid(), 'easy', 'Topic ' || n % 50, gen_random_uuid(), gen_random_uuid(),
               'user-' || n, 'user-' || n + 1, now(), CASE WHEN n % 4 = 0 THEN 'proposed' ELSE 'ready' END,
               CASE WHEN n % 4 <> 0 THEN now() END, CASE WHEN n % 4 <> 0 THEN now() END,
               CASE WHEN n % 4 <> 0 THEN now() END, gen_random_uuid(), '{{}}', false
        FROM generate_series(1, {ROWS}) n""",
    f"""INSERT INTO outbox (event_id, routing_key, body, published_at)
        SELECT gen_random_uuid(), 'match.found', '', CASE WHEN n < {ROWS - 100} THEN now() END
        FROM generate_series(1, {ROWS}) n""",
)

USERS = [f"user-{number}" for number in range(1, 101)]
IDS = [new_match_id() for _ in range(100)]
BUCKETS = ["easy:Topic 1", "easy:Topic 2"]

STATEMENTS: dict[str, tuple[str, list[Any]]] = {
    "insert": (requests._INSERT, [IDS, USERS, ["easy"] * 100, ["Topic 1"] * 100, 60.0]),
    "renew": (requests._RENEW, [USERS, ["easy:Topic 1"] * 100, 60.0]),
    "live": (requests._LIVE, [USERS]),
    "get request": (requests._GET, [new_request_id(), "user-1"]),
    "withdraw": (requests._WITHDRAW, [IDS]),
    "withdrawn": (requests._WITHDRAWN, [IDS]),
    "time out": (requests._TIME_OUT, [IDS]),
    "waiting": (requests._WAITING, ["easy:Topic 1", 100]),
    "still waiting": (requests._STILL_WAITING, [USERS, "easy:Topic 1"]),
    "propose": (
        proposals._PROPOSE,
        [USERS, BUCKETS, IDS, ["easy:Topic 1"] * 100, USERS, USERS[::-1], [False] * 100, [None] * 100, 1.0],
    ),
    "held": (proposals._HELD, [USERS, BUCKETS]),
    "confirm": (matches._CONFIRM, [IDS, USERS, [new_session_id() for _ in IDS]]),
    "get match": (matches._GET, [IDS[0]]),
    "of user": (matches._OF_USER, [IDS[0], "user-1"]),
    "of session": (matches._OF_SESSION, [new_session_id(), "user-1"]),
    "end": (
        matches._END,
        [IDS[0], "expired", None, "proposed", False, False, IDS[:2], ["timeout"] * 2, USERS[:2], 60.0],
    ),
    "mark told": (matches._MARK_TOLD, [IDS, ["proposed"] * 100]),
    "keep question": (openings._KEEP_QUESTION, [IDS[:20], ["{}"] * 20]),
    "ready": (openings._READY, [IDS[:20], [new_event_id() for _ in range(20)], ["match.found"] * 20, [b""] * 20]),
    "leave": (openings._LEAVE, [IDS[0], "user-1", False, False, new_event_id(), "session.left", b""]),
    "claim": (outbox._CLAIM, [500, 3.0]),
    "published": (outbox._PUBLISHED, [IDS]),
    "release": (outbox._RELEASE, [IDS]),
    "put off": (outbox._PUT_OFF, [IDS, 50.0]),
    "view of a match": (views._MATCH, [IDS[0], "user-1"]),
    "snapshots": (views._SNAPSHOTS, [USERS, 3600.0]),
    "active session": (views._ACTIVE, ["user-1", 3600.0]),
    "session": (views._SESSION, [new_session_id(), 3600.0]),
    "own session": (views._OWN_SESSION, [new_session_id(), 3600.0, "user-1"]),
    "position": (views._POSITION, [IDS[0]]),
    "estimate": (views._ESTIMATE, ["easy", "Topic 1"]),
    "beat": (recovery._BEAT, [5.0, 600.0]),
    "overdue requests": (recovery._OVERDUE_REQUESTS, [1.0, 500]),
    "overdue matches": (recovery._OVERDUE_MATCHES, [1.0, 500]),
    "unopened": (recovery._UNOPENED, [1.0, 500]),
    "untold": (recovery._UNTOLD, [2.0, 500]),
    "pending": (recovery._PENDING, [0, 59.0, 2000]),
}


@pytest.fixture(scope="session")
async def full(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the service has it, to a database with much in it."""
    async with fresh_database(postgres_url) as url:
        connection = await asyncpg.connect(url, server_settings=_SERVER_SETTINGS)
        await connection.execute("SET statement_timeout = 0")
        for statement in _FILL:
            await connection.execute(statement)
        yield connection
        await connection.close()


async def plan_of(connection: asyncpg.Connection, name: str) -> dict[str, Any]:
    """The plan that the service's connections keep for a statement, whatever its arguments."""
    sql, arguments = STATEMENTS[name]
    await connection.execute(f"PREPARE planned AS {sql}")
    try:
        nothing = ", ".join("NULL" for _ in arguments)
        [row] = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE planned ({nothing})")
    finally:
        await connection.execute("DEALLOCATE planned")
    plan: dict[str, Any] = json.loads(row[0])[0]["Plan"]
    return plan


async def plan_for_these_arguments(connection: asyncpg.Connection, name: str) -> dict[str, Any]:
    """The plan of a connection that nobody has set up."""
    sql, arguments = STATEMENTS[name]
    async with connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = on; SET LOCAL plan_cache_mode = auto")
        [row] = await connection.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
    plan: dict[str, Any] = json.loads(row[0])[0]["Plan"]
    return plan


def parts_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from parts_of(part)


def whole_tables_in(plan: dict[str, Any]) -> list[str]:
    return [part["Relation Name"] for part in parts_of(plan) if part["Node Type"] == "Seq Scan"]


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_statement_reads_a_whole_table_when_there_are_no_statistics(
    full: asyncpg.Connection, name: str
) -> None:
    assert not whole_tables_in(await plan_of(full, name))
    assert not whole_tables_in(await plan_for_these_arguments(full, name))


@pytest.mark.parametrize("name", STATEMENTS)
async def test_an_index_is_read_at_one_place_or_holds_little(full: asyncpg.Connection, name: str) -> None:
    rows = await full.fetch("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%WHERE%'")
    partial = {row["indexname"] for row in rows}
    for part in parts_of(await plan_of(full, name)):
        if "Index Name" in part:
            assert "Index Cond" in part or part["Index Name"] in partial


async def test_there_are_no_statistics_indeed(full: asyncpg.Connection) -> None:
    assert await full.fetchval("SELECT count(*) FROM match_requests") == ROWS
    assert await full.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'match_requests'") == 0


@pytest.mark.parametrize("name", ["propose", "held", "live", "renew", "still waiting"])
async def test_people_are_looked_up_by_the_index_of_live_requests(full: asyncpg.Connection, name: str) -> None:
    for plan in (await plan_of(full, name), await plan_for_these_arguments(full, name)):
        scans = [part for part in parts_of(plan) if part.get("Index Name") == "match_requests_live"]
        assert scans
        assert all("user_id" in part["Index Cond"] for part in scans)


def test_every_statement_of_the_adapters_is_looked_at() -> None:
    known = {sql for sql, _ in STATEMENTS.values()}
    overlooked = {
        name
        for module in (requests, proposals, matches, openings, outbox, views, recovery)
        for name, value in vars(module).items()
        if name.startswith("_") and name.isupper() and isinstance(value, str) and value not in known
    }
    assert overlooked == {"_QUEUES", "_OUTBOX"}, "which count, for the metrics"
