"""What can happen to the truth.

Not here: F24, plans without statistics over a long history, is measured by ``tests/persistence/test_plans.py``, and
F41, a migration under load, has nothing to migrate to yet.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

from tests.chaos.connection import Weather
from tests.chaos.faults.row import VICTIM, fault, repeating
from tests.chaos.proxy import Proxy, under

if TYPE_CHECKING:
    from tests.chaos.town import Town

POSTGRES: Final = "postgres"
CUTS: Final = 0.3
"""How many answers never come while outcomes are unknown."""

_THEIRS: Final = "FROM pg_stat_activity WHERE application_name = 'matching-service'"
_LOCK_REQUESTS: Final = """
SELECT id FROM match_requests WHERE id IN (
    SELECT id FROM match_requests WHERE status IN ('pending', 'matched') ORDER BY random() LIMIT 20)
FOR UPDATE SKIP LOCKED
"""
_LOCK_MATCHES: Final = """
SELECT id FROM matches WHERE id IN (
    SELECT id FROM matches WHERE status IN ('proposed', 'confirmed', 'ready') ORDER BY random() LIMIT 20)
FOR UPDATE SKIP LOCKED
"""


@fault("postgres-terminate", "F16", "PostgreSQL ends every connection, again each second", POSTGRES, seconds=(2, 5))
async def terminate(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async def end_all() -> None:
        async with town.database() as connection:
            await connection.execute(f"SELECT pg_terminate_backend(pid) {_THEIRS}")

    async with repeating(end_all, every=1.0):
        yield


@fault("postgres-crash", "F17", "one of PostgreSQL's processes dies, and all start again", POSTGRES, needs_disk=True)
async def crash(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.database() as connection:
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(Exception):  # whatever it says in its last moment
            await connection.execute("SELECT 1")
    await town.until_answers(POSTGRES)
    yield


@fault("postgres-kill", "F17", "PostgreSQL dies at once", POSTGRES, seconds=(0, 2), needs_disk=True)
async def kill(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.order("kill", POSTGRES)
    yield
    await town.start_again(POSTGRES)


@fault("postgres-down", "F18", "PostgreSQL is away", POSTGRES, seconds=(8, 12))
async def stop(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.order("stop", POSTGRES)
    yield
    await town.start_again(POSTGRES)


@fault("postgres-down-long", "F18", "PostgreSQL is away for minutes", POSTGRES, seconds=(120, 300), heavy=True)
async def stop_for_long(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.order("stop", POSTGRES)
    yield
    await town.start_again(POSTGRES)


@fault("commit-unknown-one", "F19", "a replica does not learn whether it has written", VICTIM, seconds=(3, 6))
async def doubt_of_one(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _doubt(town, [town.lines[victim, POSTGRES]], chance):
        yield


@fault("commit-unknown", "F19", "nobody learns whether it has written", POSTGRES, seconds=(3, 6))
async def doubt_of_all(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _doubt(town, town.lines_to(POSTGRES), chance):
        yield


@fault("postgres-slow", "F20", "PostgreSQL takes 200 ms more for every answer", POSTGRES, seconds=(4, 8))
async def slow_down(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    with under(Weather(delay_seconds=0.1), town.lines_to(POSTGRES)):
        yield
    await town.until_ready()


@fault("row-locks", "F21", "a stranger holds the rows of requests and matches", POSTGRES, seconds=(2, 6))
async def lock_rows(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.database() as connection, connection.transaction():
        await connection.execute(_LOCK_REQUESTS)
        await connection.execute(_LOCK_MATCHES)
        yield


@fault("postgres-read-only", "F23", "PostgreSQL takes no writes", POSTGRES, seconds=(3, 6))
async def be_read_only(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with town.database() as connection:
        await connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await connection.execute("SELECT pg_reload_conf()")
    yield
    async with town.database(default_transaction_read_only="off") as connection:
        await connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await connection.execute("SELECT pg_reload_conf()")
    await town.until_answers(POSTGRES)


async def _doubt(town: Town, lines: list[Proxy], chance: random.Random) -> AsyncGenerator[None, None]:
    """Some requests arrive, and their answers never come."""
    with under(Weather(cuts=CUTS, chance=chance), lines):
        yield
    await town.until_ready()
