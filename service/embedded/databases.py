"""Databases for tests: migrated once, copied in a few milliseconds for each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from service.embedded.servers import PROJECT

TEMPLATE = "migrated_template"
_numbers = count(1)


def with_database(url: str, database: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def make_template(server_url: str) -> None:
    """A database that has every migration, made by the command that the README names."""
    await _execute(server_url, f"CREATE DATABASE {TEMPLATE}")
    done = subprocess.run(  # noqa: ASYNC221  once per test run, with nothing beside it
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": with_database(server_url, TEMPLATE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"alembic upgrade head failed:\n{done.stderr}")


@contextlib.asynccontextmanager
async def fresh_database(server_url: str) -> AsyncIterator[str]:
    """The URL of a migrated, empty database of one's own, dropped afterwards whoever still uses it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    await _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    try:
        yield with_database(server_url, name)
    finally:
        await _execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
