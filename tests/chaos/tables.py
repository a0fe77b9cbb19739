"""The tables of a run: what is added to them, and how they are kept as evidence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg

from tests.chaos.evidence import write_table

AUDIT: Final = Path(__file__).with_name("audit.sql")

_ORDERED: Final = {"match_requests": "seq", "matches": "created_at, id", "outbox": "id", "audit": "seq"}
"""The tables, and how their rows come."""

_LEFT_TO_DO: Final = """
SELECT (SELECT count(*) FROM match_requests WHERE status IN ('pending', 'matched')) AS requests,
       (SELECT count(*) FROM matches WHERE status IN ('proposed', 'confirmed')) AS matches,
       (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS events
"""

Redis = Any
"""A client of redis-py, whose types know no text apart from bytes."""


async def add_audit(connection: asyncpg.Connection) -> None:
    """Have every change of a status written down from now on."""
    await connection.execute(AUDIT.read_text(encoding="utf-8"))


async def left_to_do(connection: asyncpg.Connection) -> dict[str, int]:
    """How much is still under way, by kind; empty when everybody has gone home."""
    row = await connection.fetchrow(_LEFT_TO_DO)
    return {name: count for name, count in (row or {}).items() if count}


async def dump(folder: Path, connection: asyncpg.Connection, index: Redis) -> None:
    """Keep every table, and what Redis knows of sessions."""
    for name, order in _ORDERED.items():
        rows = await connection.fetch(f"SELECT * FROM {name} ORDER BY {order}")
        write_table(folder, name, ({key: _plain(value) for key, value in row.items()} for row in rows))
    write_table(folder, "sessions", [session async for session in _sessions(index)])


async def _sessions(index: Redis) -> AsyncIterator[Mapping[str, Any]]:
    async for key in index.scan_iter(match="session:*", count=1000, _type="hash"):
        fields = await index.hgetall(key)
        parsed = {name: _parsed(fields[name]) for name in ("question", "users") if name in fields}
        yield {"session_id": key.removeprefix("session:"), **fields, **parsed}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(value: Any) -> Any:
    match value:
        case datetime() if value.replace(tzinfo=None) in (datetime.min, datetime.max):  # noqa: DTZ901  PostgreSQL's infinity
            return None
        case datetime():
            return value.timestamp()
        case UUID():
            return str(value)
        case bytes():
            return value.decode(errors="replace")
        case _:
            return value
