"""The truth about requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from domain.errors import LiveRequestExists, StoreUnavailable
from domain.ids import RequestId, UserId
from domain.request import Admission, Bucket, MatchRequest, Waiting
from persistence.coalesce import ARRIVAL_SECONDS, Coalescer
from persistence.postgres.database import Database
from persistence.postgres.rows import REQUEST, prefixed, request_of

MOST_TURNS = 3
"""How often an insert follows live requests that end under it before it gives up."""

_INSERT = f"""
INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)
SELECT id, user_id, difficulty, topic, clock_timestamp() + make_interval(secs => $5)
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS asked (id, user_id, difficulty, topic)
ON CONFLICT DO NOTHING
RETURNING {REQUEST}
"""

# Locked in the order of users, so two replicas never wait for each other in a circle.
_RENEW = f"""
WITH mine AS MATERIALIZED (
    SELECT r.id AS request_id
    FROM match_requests r JOIN unnest($1::text[], $2::text[]) AS asked (user_id, bucket) ON r.user_id = asked.user_id
    WHERE r.user_id = ANY($1::text[]) AND r.status IN ('pending', 'matched')
      AND r.status || '' = 'pending' AND r.bucket || '' = asked.bucket
    ORDER BY r.user_id
    FOR UPDATE OF r)
UPDATE match_requests r SET expires_at = now() + make_interval(secs => $3)
FROM mine
WHERE r.id = request_id AND r.status = 'pending'
RETURNING {prefixed("r", REQUEST)}
"""

_LIVE = f"SELECT {REQUEST} FROM match_requests WHERE user_id = ANY($1) AND status IN ('pending', 'matched')"

_GET = f"SELECT {REQUEST} FROM match_requests WHERE id = $1 AND user_id = $2"

_WITHDRAW = """
UPDATE match_requests SET status = 'cancelled', ended_at = now()
WHERE id = ANY($1::uuid[]) AND status = 'pending'
RETURNING id
"""

_WITHDRAWN = "SELECT id FROM match_requests WHERE id = ANY($1::uuid[]) AND status = 'cancelled'"

_TIME_OUT = """
UPDATE match_requests SET status = 'timeout', ended_at = now()
WHERE id = ANY($1::uuid[]) AND status = 'pending' AND expires_at <= now()
RETURNING id
"""

_WAITING = """
SELECT user_id, created_at, avoid FROM match_requests
WHERE bucket = $1 AND status = 'pending' AND expires_at > now()
ORDER BY seq LIMIT $2
"""

# `|| ''` as in the statement that pairs: by the index of live requests, whatever the statistics say.
_STILL_WAITING = """
SELECT user_id FROM match_requests
WHERE user_id = ANY($1::text[]) AND status IN ('pending', 'matched')
  AND status || '' = 'pending' AND bucket || '' = $2 AND expires_at > now()
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    id: RequestId
    user_id: UserId
    bucket: Bucket


class PostgresRequests:
    """Requests in ``match_requests``; satisfies ``actors.ports.Requests``."""

    def __init__(self, database: Database, *, search_seconds: float) -> None:
        self._database = database
        self._search_seconds = search_seconds
        self._add: Coalescer[_Asked, Admission | LiveRequestExists] = Coalescer(
            self._add_all, gather_seconds=ARRIVAL_SECONDS
        )

    async def add(
        self, bucket: Bucket, asked: Sequence[tuple[RequestId, UserId]]
    ) -> Sequence[Admission | LiveRequestExists]:
        """One outcome each, in order."""
        return await self._add.all([_Asked(request_id, user_id, bucket) for request_id, user_id in asked])

    async def _add_all(self, asked: Sequence[_Asked]) -> Sequence[Admission | LiveRequestExists]:
        outcomes: dict[RequestId, Admission | LiveRequestExists] = {}
        for _ in range(MOST_TURNS):
            open_ = [one for one in asked if one.id not in outcomes]
            outcomes |= await self._insert(open_)
            left = [one for one in open_ if one.id not in outcomes]
            if left:
                outcomes |= await self._renew(left)
            if len(outcomes) == len(asked):
                return [outcomes[one.id] for one in asked]
        raise StoreUnavailable("postgres")

    async def _insert(self, asked: Sequence[_Asked]) -> Mapping[RequestId, Admission]:
        rows = await self._database.fetch(
            _INSERT,
            [one.id for one in asked],
            [one.user_id for one in asked],
            [one.bucket.difficulty for one in asked],
            [one.bucket.topic for one in asked],
            self._search_seconds,
        )
        return {request.id: Admission(request, already_queued=False) for request in map(request_of, rows)}

    async def _renew(self, asked: Sequence[_Asked]) -> Mapping[RequestId, Admission | LiveRequestExists]:
        """The live requests that stood in the way: renewed in the same bucket, named in another.

        A request with the asked id is one whose insert was committed while its answer got lost.
        """
        users, buckets = [one.user_id for one in asked], [str(one.bucket) for one in asked]
        rows = await self._database.fetch(_RENEW, users, buckets, self._search_seconds)
        renewed = {request.user_id: request for request in map(request_of, rows)}
        rest = [one.user_id for one in asked if one.user_id not in renewed]
        live = {r.user_id: r for r in map(request_of, await self._database.fetch(_LIVE, rest))} if rest else {}
        outcomes: dict[RequestId, Admission | LiveRequestExists] = {}
        for one in asked:
            if request := renewed.get(one.user_id):
                if request.bucket == one.bucket:
                    outcomes[one.id] = Admission(request, already_queued=request.id != one.id)
                else:
                    outcomes[one.id] = LiveRequestExists(request.id, request.match_id)
            elif request := live.get(one.user_id):
                outcomes[one.id] = _standing_in_the_way(request, one)
        return outcomes

    async def get(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        """One request, of this user only."""
        rows = await self._database.fetch(_GET, request_id, user_id)
        return request_of(rows[0]) if rows else None

    async def withdraw(self, ids: Collection[RequestId]) -> Collection[RequestId]:
        """Those that are cancelled now."""
        rows = await self._database.fetch(_WITHDRAW, list(ids))
        if len(rows) < len(ids):
            rows = await self._database.fetch(_WITHDRAWN, list(ids))
        return {RequestId(str(row["id"])) for row in rows}

    async def time_out(self, ids: Collection[RequestId]) -> Collection[RequestId]:
        """Those whose search is over, by PostgreSQL's clock."""
        rows = await self._database.fetch(_TIME_OUT, list(ids))
        return {RequestId(str(row["id"])) for row in rows}

    async def waiting(self, bucket: Bucket, most: int) -> Sequence[Waiting]:
        """The oldest pending in *bucket*."""
        rows = await self._database.fetch(_WAITING, str(bucket), most)
        return [Waiting(UserId(row["user_id"]), row["created_at"].timestamp(), row["avoid"]) for row in rows]

    async def still_waiting(self, bucket: Bucket, users: Collection[UserId]) -> Collection[UserId]:
        """Those of *users* who are pending in *bucket*."""
        rows = await self._database.fetch(_STILL_WAITING, list(users), str(bucket))
        return {UserId(row["user_id"]) for row in rows}


def _standing_in_the_way(request: MatchRequest, asked: _Asked) -> Admission | LiveRequestExists:
    if request.id == asked.id:
        return Admission(request, already_queued=False)
    return LiveRequestExists(request.id, request.match_id)
