"""What counts as PostgreSQL being away, and how soon that is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from domain.errors import StoreUnavailable
from persistence.postgres import database as module
from persistence.postgres.database import Database
from service.embedded import Servers
from tests.actors.waiting import eventually
from tests.persistence.conftest import Failures

_OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'matching-service' AND state = $1 AND query LIKE $2
"""


@asynccontextmanager
async def observer(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def terminate_when(connection: asyncpg.Connection, state: str, query: str) -> None:
    """Terminate the service's connections once one of them is in *state*."""
    async with asyncio.timeout(5):
        while not (rows := await connection.fetch(_OTHERS, state, query)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)
    for row in rows:
        await connection.execute("SELECT pg_terminate_backend($1)", row["pid"])


async def test_a_statement_whose_connection_is_terminated_in_the_middle_is_run_again(
    database: Database, database_url: str, failures: Failures
) -> None:
    async with observer(database_url) as other:
        running = asyncio.create_task(database.fetch("SELECT pg_sleep(0.3), 7 AS answer"))
        await terminate_when(other, "active", "SELECT pg_sleep%")
        [row] = await running
    assert row["answer"] == 7
    assert failures.names == ["postgres"]


async def test_any_number_of_connections_seen_being_lost_cost_no_try(
    database: Database, database_url: str, failures: Failures
) -> None:
    """As many as there are tries."""
    await asyncio.gather(*(database.fetch("SELECT 1 AS idle") for _ in range(module.TRIES)))
    async with observer(database_url) as other:
        await terminate_when(other, "idle", "SELECT 1 AS idle%")
    await eventually(lambda: not any(module._is_alive(one) for one in database._idle))
    [row] = await database.fetch("SELECT 2 AS answer")
    assert (row["answer"], failures.names) == (2, [])


async def test_connections_terminated_while_idle_are_replaced(database: Database, database_url: str) -> None:
    await asyncio.gather(*(database.fetch("SELECT 1 AS idle") for _ in range(3)))
    async with observer(database_url) as other:
        await terminate_when(other, "idle", "SELECT 1 AS idle%")
    rows = await asyncio.gather(*(database.fetch("SELECT 2 AS answer") for _ in range(10)))
    assert {row["answer"] for [row] in rows} == {2}


async def test_a_statement_that_is_wrong_is_no_outage(database: Database, failures: Failures) -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await database.fetch("SELECT nonsense")
    assert not failures.names


async def test_when_too_many_wait_for_a_connection_the_next_is_refused_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    busy = [asyncio.create_task(database.fetch("SELECT pg_sleep(0.3)")) for _ in range(3)]
    pool = database._pool
    await eventually(lambda: pool and pool.get_size() == 3 and not pool.get_idle_size() and not database._waiting)
    waiting = [asyncio.create_task(database.fetch("SELECT 1")) for _ in range(3)]
    await eventually(lambda: database._waiting == 3)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await database.fetch("SELECT 1")
    assert time.monotonic() - began < 0.1
    await asyncio.gather(*busy, *waiting)


async def test_an_exhausted_pool_is_said_soon(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACQUIRE_SECONDS", 0.05)
    busy = [asyncio.create_task(database.fetch("SELECT pg_sleep(0.5)")) for _ in range(3)]
    await asyncio.sleep(0)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await database.fetch("SELECT 1")
    assert time.monotonic() - began < 0.4
    await asyncio.gather(*busy)
    assert await database.fetch("SELECT 1")


async def test_a_statement_that_hangs_is_given_up_and_not_run_again(
    database_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.2)
    database = Database(database_url, size=1, failed=failures)
    await database.open()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await database.fetch("SELECT pg_sleep(30)")
    assert time.monotonic() - began < 2
    assert failures.names == ["postgres"]
    assert await database.fetch("SELECT 1"), "the connection was given up, not the pool"
    await database.close()


async def test_a_lock_that_somebody_keeps_is_not_waited_for_for_ever(
    database_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module._SERVER_SETTINGS, "lock_timeout", "50")
    database = Database(database_url, size=1, failed=failures)
    await database.open()
    async with observer(database_url) as other, other.transaction():
        await other.execute("LOCK TABLE outbox")
        with pytest.raises(StoreUnavailable):
            await database.fetch("SELECT * FROM outbox")
    assert failures.names == ["postgres"] * module.TRIES
    assert await database.fetch("SELECT * FROM outbox") == []
    await database.close()


async def test_an_asker_that_gives_up_leaves_a_usable_connection_behind(database_url: str, failures: Failures) -> None:
    database = Database(database_url, size=1, failed=failures)
    await database.open()
    for _ in range(20):
        asked = asyncio.create_task(database.fetch("SELECT pg_sleep(0.05)"))
        await asyncio.sleep(0.005)
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
    assert await database.fetch("SELECT 1")
    await database.close()


async def test_a_database_that_takes_no_writes_is_not_up(database_url: str, failures: Failures) -> None:
    async with observer(database_url) as other:
        name = await other.fetchval("SELECT current_database()")
        await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    standby = Database(database_url, size=1, failed=failures)
    await standby.open()
    assert not await standby.is_up()
    with pytest.raises(StoreUnavailable):
        await standby.fetch("DELETE FROM outbox")
    await standby.close()


async def test_before_it_is_opened_and_at_a_wrong_address_a_database_is_away(
    database_url: str, failures: Failures
) -> None:
    closed = Database(database_url, size=1, failed=failures)
    with pytest.raises(StoreUnavailable):
        await closed.fetch("SELECT 1")
    await closed.close()
    with pytest.raises(StoreUnavailable):
        await Database("postgresql://nobody@127.0.0.1:1/nothing", size=1, failed=failures).open()
    with pytest.raises(StoreUnavailable):
        await Database(f"{database_url}_is_not_there", size=1, failed=failures).open()


async def test_a_stopped_server_is_away_within_a_second_and_back_when_it_is_back(
    mortal_servers: Servers, failures: Failures
) -> None:
    assert mortal_servers.urls.database_url is not None
    database = Database(mortal_servers.urls.database_url, size=3, failed=failures)
    await database.open()
    assert await database.is_up()
    await asyncio.to_thread(mortal_servers.kill_server, "postgres")
    began = time.monotonic()
    outcomes = await asyncio.gather(*(database.fetch("SELECT 1") for _ in range(50)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    assert not await database.is_up()
    assert time.monotonic() - began < 3
    await asyncio.to_thread(mortal_servers.start_server, "postgres")
    [row] = await database.fetch("SELECT 7 AS answer")
    assert row["answer"] == 7
    await database.close()


async def test_closing_does_not_wait_for_what_hangs(database_url: str, failures: Failures) -> None:
    database = Database(database_url, size=1, failed=failures)
    await database.open()
    running = asyncio.create_task(database.fetch("SELECT pg_sleep(30)"))
    await eventually(lambda: database._pool is not None and database._pool.get_idle_size() == 0)
    began = time.monotonic()
    await database.close()
    assert time.monotonic() - began < 4
    with pytest.raises(StoreUnavailable):
        await running


async def test_a_database_that_lets_nobody_in_is_away_and_not_a_mistake_of_ours(
    database: Database, database_url: str, postgres_url: str
) -> None:
    """As while a backup is restored, or a password changes."""
    name = database_url.rsplit("/", 1)[1].split("?", maxsplit=1)[0]
    await database.fetch("SELECT 1")
    async with observer(postgres_url) as admin:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        with pytest.raises(StoreUnavailable):
            await database.fetch("SELECT 1")
        assert not await database.is_up()
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    assert await database.is_up()
