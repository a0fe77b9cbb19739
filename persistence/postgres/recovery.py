"""The janitor's view of the truth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from domain.census import BucketCensus, Heartbeat, Leftovers, OutboxCensus
from domain.ids import MatchId
from domain.request import MatchRequest
from persistence.postgres.database import Database
from persistence.postgres.outbox import OPTIONAL
from persistence.postgres.rows import MATCH, REQUEST, VOUCHED, bucket_of, match_of, request_of

GRACE_SECONDS: Final = 1.0
"""How long the actor whose work it is has, before the janitor takes it for left behind."""

MOST: Final = 500
"""Rows of each kind in one sweep."""

MOST_DELETED: Final = 5000
"""Rows of each table deleted at once."""

MOST_COUNTED: Final = 10_000
"""Unpublished events looked at by a census: there may be more."""

AWAY_SECONDS: Final = 5.0
"""After so long without a sign of life, nobody could answer."""

# The row is locked: of two replicas that come back together, one finds that nobody was there, the other finds the
# first.  Whoever was proposed after the last sign of life has lost nothing: an older version, which gives none, may
# be running.  Whatever was over within the time that the last sign of life vouches for stays over.
_BEAT = f"""
WITH beat AS MATERIALIZED (
    INSERT INTO heartbeat DEFAULT VALUES
    ON CONFLICT (id) DO UPDATE SET previous_at = heartbeat.beaten_at, beaten_at = clock_timestamp()
    RETURNING beaten_at, previous_at, beaten_at - previous_at AS away),
extended AS (
    UPDATE matches SET deadline = deadline + least(away, make_interval(secs => $2))
    FROM beat
    WHERE status = 'proposed' AND deadline > previous_at + {VOUCHED} AND created_at <= previous_at
      AND away > make_interval(secs => $1)
    RETURNING 1)
SELECT extract(epoch FROM beaten_at)::float8 AS now, coalesce(extract(epoch FROM away), 0)::float8 AS away,
       (SELECT count(*) FROM extended) AS extended
FROM beat
"""

_OVERDUE_REQUESTS = f"""
SELECT {REQUEST} FROM match_requests
WHERE status = 'pending' AND expires_at <= now() - make_interval(secs => $1) ORDER BY expires_at LIMIT $2
"""

_OVERDUE_MATCHES = """
SELECT id FROM matches
WHERE status = 'proposed' AND deadline <= now() - make_interval(secs => $1) ORDER BY deadline LIMIT $2
"""

_UNOPENED = f"""
SELECT {MATCH} FROM matches
WHERE status = 'confirmed' AND confirmed_at <= now() - make_interval(secs => $1) ORDER BY confirmed_at LIMIT $2
"""

_UNTOLD = f"""
SELECT {MATCH} FROM matches
WHERE untold AND status <> 'confirmed' AND changed_at <= now() - make_interval(secs => $1) ORDER BY changed_at LIMIT $2
"""

_PENDING = f"""
SELECT seq, {REQUEST} FROM match_requests
WHERE status = 'pending' AND seq > $1 AND expires_at > now()
  AND expires_at <= now() + make_interval(secs => $2)
ORDER BY seq LIMIT $3
"""

_QUEUES = """
SELECT difficulty, topic, count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS oldest
FROM match_requests WHERE status = 'pending' GROUP BY difficulty, topic
"""

# Those that came back because nobody need hear them have waited, but nobody misses them.
_OUTBOX = f"""
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at) FILTER (
    WHERE routing_key <> '{OPTIONAL}' OR claimed_until = '-infinity')), 0)::float8 AS oldest
FROM (SELECT created_at, routing_key, claimed_until FROM outbox WHERE published_at IS NULL
      ORDER BY claimed_until, id LIMIT $1) AS next
"""

# Each replica deletes other rows; ARRAY(...) is read once, whatever the plan.
_FORGET = (
    """DELETE FROM match_requests WHERE id = ANY(ARRAY(
           SELECT id FROM match_requests WHERE ended_at < now() - make_interval(secs => $1)
           ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1""",
    """DELETE FROM matches WHERE id = ANY(ARRAY(
           SELECT id FROM matches WHERE changed_at < now() - make_interval(secs => $1)
           AND status NOT IN ('proposed', 'confirmed')
           ORDER BY changed_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1""",
    """DELETE FROM outbox WHERE id = ANY(ARRAY(
           SELECT id FROM outbox WHERE published_at < now() - make_interval(secs => $1)
           ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1""",
    # among the oldest rows only: there is no index of events that nobody was bound to hear
    f"""DELETE FROM outbox WHERE id = ANY(ARRAY(
            SELECT id FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox ORDER BY id LIMIT $2))
            AND published_at IS NULL AND routing_key = '{OPTIONAL}' AND claimed_until > '-infinity'
            AND created_at < now() - make_interval(secs => $1) FOR UPDATE SKIP LOCKED)) RETURNING 1""",
)


class PostgresRecovery:
    """Reads over all tables; satisfies ``actors.ports.Recovery``."""

    def __init__(
        self,
        database: Database,
        *,
        search_seconds: float,
        retention_days: float,
        sweep_seconds: float = 1.0,
        grace_seconds: float = 600.0,
    ) -> None:
        self._database = database
        self._settled_seconds = max(search_seconds - GRACE_SECONDS, search_seconds / 2)
        self._away_seconds = max(AWAY_SECONDS, 3 * sweep_seconds)
        self._grace_seconds = grace_seconds
        self._retention_seconds = retention_days * 86_400

    async def beat(self) -> Heartbeat:
        """Give a sign of life; proposed matches get back the time in which nobody did."""
        asked = time.time()
        [row] = await self._database.fetch(_BEAT, self._away_seconds, self._grace_seconds)
        ahead = (asked + time.time()) / 2 - row["now"]
        return Heartbeat(row["away"], row["extended"], ahead)

    async def leftovers(self) -> Leftovers:
        """What other actors should have dealt with by now."""
        fetch = self._database.fetch
        return Leftovers(
            overdue_requests=[request_of(row) for row in await fetch(_OVERDUE_REQUESTS, GRACE_SECONDS, MOST)],
            overdue_matches=[MatchId(str(row["id"])) for row in await fetch(_OVERDUE_MATCHES, GRACE_SECONDS, MOST)],
            unopened=[match_of(row) for row in await fetch(_UNOPENED, GRACE_SECONDS, MOST)],
            untold=[match_of(row) for row in await fetch(_UNTOLD, 2 * GRACE_SECONDS, MOST)],
        )

    async def pending(self, after: int, most: int) -> tuple[Sequence[MatchRequest], int]:
        """A page of requests that have been pending for a second at least."""
        rows = await self._database.fetch(_PENDING, after, self._settled_seconds, most)
        return [request_of(row) for row in rows], int(rows[-1]["seq"]) if len(rows) == most else 0

    async def census(self) -> tuple[Sequence[BucketCensus], OutboxCensus]:
        """Counts for the metrics; of the outbox, a bounded number."""
        queues = await self._database.fetch(_QUEUES)
        [outbox] = await self._database.fetch(_OUTBOX, MOST_COUNTED)
        return (
            [BucketCensus(bucket_of(row), row["waiting"], row["oldest"]) for row in queues],
            OutboxCensus(outbox["waiting"], outbox["oldest"]),
        )

    async def forget_old(self) -> tuple[int, bool]:
        """Delete a bounded number of rows that ended before the retention time; whether the bound was met."""
        numbers = [
            len(await self._database.fetch(statement, self._retention_seconds, MOST_DELETED)) for statement in _FORGET
        ]
        return sum(numbers), MOST_DELETED in numbers
