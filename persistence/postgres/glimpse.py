"""A look at the outbox, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.ids import EventId
from persistence.postgres.database import Database

_LATEST = "SELECT event_id, routing_key, body, created_at, published_at FROM outbox ORDER BY id DESC LIMIT $1"


@dataclass(frozen=True, slots=True)
class Posted:
    """An event that was promised, and when it went out, if it did."""

    event_id: EventId
    routing_key: str
    body: bytes
    created_at: datetime
    published_at: datetime | None


class PostgresGlimpse:
    """Reads that no user needs and a developer likes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def latest_events(self, most: int) -> Sequence[Posted]:
        """The newest rows of the outbox, the newest first."""
        rows = await self._database.fetch(_LATEST, most)
        return [
            Posted(
                EventId(str(row["event_id"])), row["routing_key"], row["body"], row["created_at"], row["published_at"]
            )
            for row in rows
        ]
