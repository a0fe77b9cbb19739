"""Alembic's command line from the project's root, with only DATABASE_URL set."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from service.embedded.databases import with_database

ROOT = Path(__file__).parents[2]

_SCHEMA = """
SELECT 'column' AS kind, table_name || '.' || column_name AS name,
       concat_ws(' ', data_type, is_nullable, column_default, is_identity, generation_expression) AS definition
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'constraint', conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2
"""


@pytest.fixture
async def empty_url(postgres_url: str) -> AsyncIterator[str]:
    """A database in which nothing was ever done."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE DATABASE never_migrated TEMPLATE template0 STRATEGY file_copy")
    yield with_database(postgres_url, "never_migrated")
    await connection.execute("DROP DATABASE never_migrated WITH (FORCE)")
    await connection.close()


def start(url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def alembic(url: str, *arguments: str) -> str:
    """What the command prints; it must succeed."""
    process = start(url, *arguments)
    out, err = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, err
    return out


async def schema(url: str) -> list[tuple[str, ...]]:
    """Everything there is in the database, in words."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(_SCHEMA) if "alembic_version" not in row["name"]]
    finally:
        await connection.close()


async def test_up_down_and_up_again_comes_to_the_same_schema(empty_url: str, database_url: str) -> None:
    assert await schema(empty_url) == []
    await alembic(empty_url, "upgrade", "head")
    migrated = await schema(empty_url)
    assert migrated == await schema(database_url)
    assert {name.split(".")[0] for kind, name, _ in migrated if kind == "column"} == {
        "match_requests",
        "matches",
        "outbox",
        "heartbeat",
    }
    revisions = (await alembic(empty_url, "history")).count(" -> ")
    for _ in range(revisions):
        await alembic(empty_url, "downgrade", "-1")
    assert await schema(empty_url) == []
    await alembic(empty_url, "upgrade", "head")
    assert await schema(empty_url) == migrated


async def test_upgrading_what_is_up_to_date_changes_nothing(database_url: str) -> None:
    before = await schema(database_url)
    await alembic(database_url, "upgrade", "head")
    assert await schema(database_url) == before


async def test_history_names_the_revisions_and_current_the_newest(database_url: str) -> None:
    history = await alembic(database_url, "history")
    current = await alembic(database_url, "current")
    heads = await alembic(database_url, "heads")
    assert history.count(" -> ") >= 1
    assert "(head)" in history
    assert current.split()[0] == heads.split()[0]


async def test_the_sqlalchemy_spelling_of_the_url_is_taken_as_it_is(database_url: str) -> None:
    assert await alembic(database_url.replace("postgresql://", "postgresql+psycopg://"), "current")


async def test_replicas_that_upgrade_at_once_take_turns(empty_url: str) -> None:
    processes = [start(empty_url, "upgrade", "head") for _ in range(4)]
    outcomes = await asyncio.gather(*(asyncio.to_thread(process.communicate) for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, [err for _, err in outcomes]
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.close()


async def test_an_upgrade_that_fails_leaves_nothing_half_done(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    await connection.execute("CREATE TABLE outbox (in_the_way int)")
    process = start(empty_url, "upgrade", "head")
    await asyncio.to_thread(process.communicate)
    assert process.returncode != 0
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert "match_requests" not in {row["tablename"] for row in tables}
    await connection.close()


async def test_the_statements_can_be_printed_for_whoever_runs_them_by_hand(database_url: str) -> None:
    printed = await alembic(database_url, "upgrade", "head", "--sql")
    for table in ("match_requests", "matches", "outbox"):
        assert f"CREATE TABLE {table}" in printed
