"""What is promised to sibling services."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domain.events import Outgoing
from domain.ids import EventId
from persistence.postgres.database import Database

CLAIM_SECONDS = 30.0
"""How long claimed events are kept from other replicas; after a crash they are anyone's again."""

_CLAIM = """
WITH oldest AS (
    SELECT id FROM outbox WHERE published_at IS NULL AND claimed_until < now()
    ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE outbox SET claimed_until = now() + make_interval(secs => $2)
FROM oldest WHERE outbox.id = oldest.id
RETURNING outbox.id, event_id, routing_key, body
"""

_PUBLISHED = "UPDATE outbox SET published_at = now() WHERE event_id = ANY($1::uuid[]) AND published_at IS NULL"

_RELEASE = "UPDATE outbox SET claimed_until = '-infinity' WHERE event_id = ANY($1::uuid[]) AND published_at IS NULL"


class PostgresOutbox:
    """Events in ``outbox``; satisfies ``actors.ports.Outbox``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, most: int) -> Sequence[Outgoing]:
        """The oldest unpublished events, in order."""
        rows = await self._database.fetch(_CLAIM, most, CLAIM_SECONDS)
        rows.sort(key=lambda row: int(row["id"]))
        return [Outgoing(EventId(str(row["event_id"])), row["routing_key"], row["body"]) for row in rows]

    async def published(self, ids: Collection[EventId]) -> None:
        """These have arrived."""
        await self._database.fetch(_PUBLISHED, list(ids))

    async def release(self, ids: Collection[EventId]) -> None:
        """These have not: let anyone claim them again."""
        await self._database.fetch(_RELEASE, list(ids))
