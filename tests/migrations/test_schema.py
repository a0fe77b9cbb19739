"""What the tables promise by themselves, whoever writes to them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.embedded.databases import fresh_database

_REQUEST = """
INSERT INTO match_requests (id, user_id, difficulty, topic, status, match_id, ended_at, expires_at)
VALUES (gen_random_uuid(), $1, $2, $3, $4, CASE WHEN $5 THEN gen_random_uuid() END, CASE WHEN $6 THEN now() END, now())
"""

_MATCH = """
INSERT INTO matches (id, difficulty, topic, request1_id, request2_id, user1_id, user2_id, deadline, status,
                     user1_confirmed_at, user2_confirmed_at, confirmed_at, session_id, question)
VALUES (gen_random_uuid(), 'easy', 'Array', gen_random_uuid(), gen_random_uuid(), $1, $2, now(), $3,
        CASE WHEN $4 THEN now() END, CASE WHEN $5 THEN now() END, CASE WHEN $6 THEN now() END,
        CASE WHEN $7 THEN gen_random_uuid() END, CASE WHEN $8 THEN '{}'::jsonb END)
"""


@pytest.fixture(scope="module")
async def connection(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    async with fresh_database(postgres_url) as url:
        connection = await asyncpg.connect(url)
        yield connection
        await connection.close()


@pytest.fixture
async def tables(connection: asyncpg.Connection) -> asyncpg.Connection:
    for table in ("match_requests", "matches", "outbox"):
        await connection.execute(f"DELETE FROM {table}")
    return connection


async def test_the_readmes_two_queries_work_as_printed(tables: asyncpg.Connection) -> None:
    await tables.execute(_REQUEST, "ann", "easy", "Array", "pending", False, False)
    await tables.execute(_MATCH, "ann", "ben", "proposed", False, False, False, False, False)
    [request] = await tables.fetch("SELECT id, user_id, difficulty, topic, status FROM match_requests;")
    [match] = await tables.fetch("SELECT id, user1_id, user2_id, session_id FROM matches;")
    assert (request["user_id"], request["difficulty"], request["topic"], request["status"]) == (
        "ann",
        "easy",
        "Array",
        "pending",
    )
    assert (match["user1_id"], match["user2_id"], match["session_id"]) == ("ann", "ben", None)


@pytest.mark.parametrize(
    ("difficulty", "topic", "status", "has_match", "has_ended"),
    [
        ("impossible", "Array", "pending", False, False),
        ("Easy", "Array", "pending", False, False),
        ("easy", "", "pending", False, False),
        ("easy", "x" * 65, "pending", False, False),
        ("easy", "a:b", "pending", False, False),
        ("easy", "Array", "waiting", False, False),
        ("easy", "Array", "pending", True, False),
        ("easy", "Array", "pending", False, True),
        ("easy", "Array", "matched", False, False),
        ("easy", "Array", "matched", True, True),
        ("easy", "Array", "confirmed", False, True),
        ("easy", "Array", "confirmed", True, False),
        ("easy", "Array", "cancelled", False, False),
        ("easy", "Array", "timeout", True, False),
    ],
)
async def test_a_request_that_contradicts_itself_is_refused(
    tables: asyncpg.Connection, difficulty: str, topic: str, status: str, has_match: bool, has_ended: bool
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await tables.execute(_REQUEST, "ann", difficulty, topic, status, has_match, has_ended)


@pytest.mark.parametrize(
    ("status", "has_match", "has_ended"),
    [
        ("pending", False, False),
        ("matched", True, False),
        ("confirmed", True, True),
        ("cancelled", False, True),
        ("cancelled", True, True),
        ("timeout", False, True),
        ("timeout", True, True),
    ],
)
async def test_a_request_of_every_true_state_is_taken(
    tables: asyncpg.Connection, status: str, has_match: bool, has_ended: bool
) -> None:
    await tables.execute(_REQUEST, "ann", "easy", "Array", status, has_match, has_ended)


@pytest.mark.parametrize("first", ["pending", "matched"])
@pytest.mark.parametrize("second", ["pending", "matched"])
async def test_a_user_has_one_live_request_whoever_writes_it(
    tables: asyncpg.Connection, first: str, second: str
) -> None:
    await tables.execute(_REQUEST, "ann", "easy", "Array", first, first == "matched", False)
    with pytest.raises(asyncpg.UniqueViolationError):
        await tables.execute(_REQUEST, "ann", "hard", "Graph", second, second == "matched", False)
    for _ in range(2):
        await tables.execute(_REQUEST, "ann", "easy", "Array", "cancelled", False, True)
    await tables.execute(_REQUEST, "ben", "easy", "Array", "pending", False, False)


@pytest.mark.parametrize(
    ("users", "status", "first", "second", "confirmed", "has_session", "has_question"),
    [
        (("ann", "ann"), "proposed", False, False, False, False, False),
        (("ann", "ben"), "open", False, False, False, False, False),
        (("ann", "ben"), "proposed", True, True, True, True, False),
        (("ann", "ben"), "confirmed", True, True, False, True, False),
        (("ann", "ben"), "confirmed", True, False, True, True, False),
        (("ann", "ben"), "confirmed", False, True, True, True, False),
        (("ann", "ben"), "confirmed", True, True, True, False, False),
        (("ann", "ben"), "ready", True, True, True, True, False),
        (("ann", "ben"), "closed", True, True, True, True, False),
        (("ann", "ben"), "failed", True, True, False, True, False),
        (("ann", "ben"), "declined", True, True, True, True, False),
        (("ann", "ben"), "expired", True, True, True, True, False),
    ],
)
async def test_a_match_that_contradicts_itself_is_refused(
    tables: asyncpg.Connection,
    users: tuple[str, str],
    status: str,
    first: bool,
    second: bool,
    confirmed: bool,
    has_session: bool,
    has_question: bool,
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await tables.execute(_MATCH, *users, status, first, second, confirmed, has_session, has_question)


@pytest.mark.parametrize(
    ("status", "first", "second", "confirmed", "has_session", "has_question"),
    [
        ("proposed", False, False, False, False, False),
        ("proposed", True, False, False, True, False),
        ("confirmed", True, True, True, True, False),
        ("confirmed", True, True, True, True, True),
        ("ready", True, True, True, True, True),
        ("closed", True, True, True, True, True),
        ("failed", True, True, True, True, False),
        ("declined", True, False, False, True, False),
        ("expired", False, False, False, False, False),
    ],
)
async def test_a_match_of_every_true_state_is_taken(
    tables: asyncpg.Connection,
    status: str,
    first: bool,
    second: bool,
    confirmed: bool,
    has_session: bool,
    has_question: bool,
) -> None:
    await tables.execute(_MATCH, "ann", "ben", status, first, second, confirmed, has_session, has_question)


async def test_no_two_matches_share_a_session_and_no_two_events_an_id(tables: asyncpg.Connection) -> None:
    await tables.execute(_MATCH, "ann", "ben", "confirmed", True, True, True, True, False)
    await tables.execute(_MATCH, "cat", "dan", "confirmed", True, True, True, True, False)
    with pytest.raises(asyncpg.UniqueViolationError):
        await tables.execute("UPDATE matches SET session_id = (SELECT session_id FROM matches LIMIT 1)")
    event = "INSERT INTO outbox (event_id, routing_key, body) VALUES ($1, 'match.found', '')"
    event_id = await tables.fetchval("SELECT gen_random_uuid()")
    await tables.execute(event, event_id)
    with pytest.raises(asyncpg.UniqueViolationError):
        await tables.execute(event, event_id)


async def test_the_place_in_the_queue_is_given_by_the_table_alone(tables: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.GeneratedAlwaysError):
        await tables.execute(
            """INSERT INTO match_requests (id, seq, user_id, difficulty, topic, expires_at)
               VALUES (gen_random_uuid(), 1, 'ann', 'easy', 'Array', now())"""
        )


@pytest.mark.parametrize("table", ["match_requests", "matches", "outbox"])
async def test_tables_that_serve_as_queues_are_vacuumed_after_a_hundredth_has_changed(
    tables: asyncpg.Connection, table: str
) -> None:
    options = await tables.fetchval("SELECT reloptions FROM pg_class WHERE oid = $1::regclass", table)
    assert "autovacuum_vacuum_scale_factor=0.01" in options
