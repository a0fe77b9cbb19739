"""The read side: what users ask about the past."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from domain.ids import MatchId, SessionId, UserId
from domain.match import Match, MatchState
from domain.news import Snapshot
from domain.request import MatchRequest, Place
from persistence.coalesce import PATIENT_ARRIVAL_SECONDS, Coalescer
from persistence.postgres.database import Database
from persistence.postgres.rows import MATCH, REQUEST, Row, match_of, request_of

ESTIMATE_SECONDS: Final = 5.0
"""How long a bucket's estimated wait is remembered."""

MOST_ESTIMATES: Final = 10_000

_MATCH = f"SELECT {MATCH} FROM matches WHERE id = $1 AND $2 IN (user1_id, user2_id)"

_POSITION = """
SELECT extract(epoch FROM now() - r.created_at)::float8 AS waiting,
       (SELECT count(*) FROM match_requests o
        WHERE o.bucket = r.bucket AND o.status = 'pending' AND o.seq < r.seq) AS before
FROM match_requests r WHERE r.id = $1
"""

_ESTIMATE = """
SELECT avg(extract(epoch FROM m.created_at - r.created_at))::float8 AS wait
FROM (SELECT created_at, request1_id FROM matches WHERE difficulty = $1 AND topic = $2
      ORDER BY created_at DESC LIMIT 20) m
JOIN match_requests r ON r.id = m.request1_id
"""

_ACTIVE = f"""
SELECT {MATCH} FROM (
    (SELECT * FROM matches WHERE user1_id = $1 AND status = 'ready' AND user1_left_at IS NULL
     AND confirmed_at > now() - make_interval(secs => $2) ORDER BY confirmed_at DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM matches WHERE user2_id = $1 AND status = 'ready' AND user2_left_at IS NULL
     AND confirmed_at > now() - make_interval(secs => $2) ORDER BY confirmed_at DESC LIMIT 1)) newest
ORDER BY confirmed_at DESC LIMIT 1
"""

# A row for everybody asked for, two for whoever has a live match and an active session.
_SNAPSHOTS = f"""
SELECT asked.user_id AS asked, {", ".join(f"r.{name} AS request_{name}" for name in REQUEST.split(", "))}, m.*
FROM unnest($1::text[]) AS asked (user_id)
LEFT JOIN LATERAL (
    SELECT {REQUEST} FROM match_requests WHERE user_id = asked.user_id AND status IN ('pending', 'matched')) r ON true
LEFT JOIN LATERAL (
    (SELECT {MATCH} FROM matches WHERE id = r.match_id AND status IN ('proposed', 'confirmed'))
    UNION ALL
    ({_ACTIVE.replace("$1", "asked.user_id")})) m ON true
"""

_SESSION = f"""
SELECT {MATCH} FROM matches
WHERE session_id = $1 AND status IN ('ready', 'closed') AND confirmed_at > now() - make_interval(secs => $2)
"""

# Who may not see a session costs what an unknown id costs: no row.
_OWN_SESSION = f"""{_SESSION.rstrip()}
AND (user1_id = $3 AND user1_left_at IS NULL OR user2_id = $3 AND user2_left_at IS NULL)
"""


MOST_SNAPSHOTS: Final = 20
"""In one statement, which begins as soon as so many wait: half of those who are greeted side by side, so that in a
storm of reconnects nobody waits for company."""


class PostgresViews:
    """Reads of one user's own things."""

    def __init__(self, database: Database, *, session_seconds: float) -> None:
        self._database = database
        self._session_seconds = session_seconds
        self._estimates: dict[str, tuple[float, float | None]] = {}
        self._snapshots: Coalescer[UserId, Snapshot | Exception] = Coalescer(
            self._all_snapshots, gather_seconds=PATIENT_ARRIVAL_SECONDS, most=MOST_SNAPSHOTS
        )

    async def place(self, request: MatchRequest) -> Place:
        """How the search of a pending request goes."""
        rows = await self._database.fetch(_POSITION, request.id)
        before, waiting = (rows[0]["before"], rows[0]["waiting"]) if rows else (0, 0.0)
        return Place(before + 1, waiting, await self._estimated_wait(request))

    async def _estimated_wait(self, request: MatchRequest) -> float | None:
        key, now = str(request.bucket), time.monotonic()
        known = self._estimates.get(key)
        if known is not None and now - known[0] < ESTIMATE_SECONDS:
            return known[1]
        [row] = await self._database.fetch(_ESTIMATE, request.bucket.difficulty.value, request.bucket.topic)
        if len(self._estimates) >= MOST_ESTIMATES:
            self._estimates.clear()
        self._estimates[key] = (now, row["wait"])
        wait: float | None = row["wait"]
        return wait

    async def match(self, user_id: UserId, match_id: MatchId) -> Match | None:
        """One match the user is or was in."""
        rows = await self._database.fetch(_MATCH, match_id, user_id)
        return match_of(rows[0]) if rows else None

    async def active(self, user_id: UserId) -> Match | None:
        """The match of the newest session the user is in and has not left."""
        rows = await self._database.fetch(_ACTIVE, user_id, self._session_seconds)
        return match_of(rows[0]) if rows else None

    async def of_own_session(self, user_id: UserId, session_id: SessionId) -> Match | None:
        """The match of a session that can be read, if the user is in it and has not left it."""
        rows = await self._database.fetch(_OWN_SESSION, session_id, self._session_seconds, user_id)
        return match_of(rows[0]) if rows else None

    async def of_session(self, session_id: SessionId) -> Match | None:
        """The match of a session that can be read, whoever asks."""
        rows = await self._database.fetch(_SESSION, session_id, self._session_seconds)
        return match_of(rows[0]) if rows else None

    async def snapshot(self, user_id: UserId) -> Snapshot:
        """Where the user stands now."""
        snapshot = await self._snapshots(user_id)
        if isinstance(snapshot, Exception):
            raise snapshot
        return snapshot

    async def _all_snapshots(self, users: Sequence[UserId]) -> Sequence[Snapshot | Exception]:
        rows_of: dict[str, list[Row]] = defaultdict(list)
        for row in await self._database.fetch(_SNAPSHOTS, list(set(users)), self._session_seconds):
            rows_of[row["asked"]].append(row)
        return [_snapshot(rows_of[user_id]) for user_id in users]


def _snapshot(rows: Sequence[Row]) -> Snapshot | Exception:
    """Where one user stands; rows that cannot be read are trouble for nobody else."""
    try:
        return _read_snapshot(rows)
    except ValueError as error:
        return error


def _read_snapshot(rows: Sequence[Row]) -> Snapshot:
    request = request_of(rows[0], "request_") if rows[0]["request_id"] is not None else None
    matches = [match_of(row) for row in rows if row["id"] is not None]
    live = next((match for match in matches if match.state is not MatchState.READY), None)
    active = next((match.session for match in matches if match.state is MatchState.READY), None)
    return Snapshot(request, live, active)
