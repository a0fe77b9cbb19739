"""What is promised to sibling services."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domain.events import Outgoing
from domain.ids import EventId
from persistence.postgres.database import Database

CLAIM_SECONDS = 3.0
"""How long claimed events are kept from other replicas; after a crash they are anyone's again.

A round of five hundred takes 0.2 s; what takes longer than this may be published twice.
"""

LONGEST_SECONDS = 50.0
"""How long an event that came back is put off at most, so that a queue bound later has it within a minute."""

OPTIONAL = "session.left"
"""Events of this kind wait longer and longer for somebody to be bound, and not for ever; all others must arrive."""

# Whatever nobody holds back comes first, as '-infinity', the oldest first; then what is due again.
# An array and no join, which would read the whole table once there are statistics.
_CLAIM = """
UPDATE outbox SET claimed_until = now() + make_interval(secs => $2)
WHERE id = ANY(ARRAY(
    SELECT id FROM outbox WHERE published_at IS NULL AND claimed_until < now()
    ORDER BY claimed_until, id LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING id, event_id, routing_key, body
"""

_PUBLISHED = "UPDATE outbox SET published_at = now() WHERE event_id = ANY($1::uuid[]) AND published_at IS NULL"

_RELEASE = "UPDATE outbox SET claimed_until = '-infinity' WHERE event_id = ANY($1::uuid[]) AND published_at IS NULL"

_PUT_OFF = f"""
UPDATE outbox SET claimed_until = now() + greatest(
    least(make_interval(secs => $2), interval '1 second' + (now() - created_at) / 2),
    CASE routing_key WHEN '{OPTIONAL}' THEN (now() - created_at) / 5 END)
WHERE event_id = ANY($1::uuid[]) AND published_at IS NULL
"""


class PostgresOutbox:
    """Events in ``outbox``; satisfies ``actors.ports.Outbox``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, most: int) -> Sequence[Outgoing]:
        """Unpublished events, those that never came back first, in order."""
        rows = await self._database.fetch(_CLAIM, most, CLAIM_SECONDS)
        rows.sort(key=lambda row: int(row["id"]))
        return [Outgoing(EventId(str(row["event_id"])), row["routing_key"], row["body"]) for row in rows]

    async def published(self, ids: Collection[EventId]) -> None:
        """These have arrived."""
        await self._database.fetch(_PUBLISHED, list(ids))

    async def release(self, ids: Collection[EventId]) -> None:
        """These were not tried: let anyone claim them again, now."""
        await self._database.fetch(_RELEASE, list(ids))

    async def put_off(self, ids: Collection[EventId]) -> None:
        """These came back: let anyone claim them again, the later the older they are."""
        await self._database.fetch(_PUT_OFF, list(ids), LONGEST_SECONDS)
