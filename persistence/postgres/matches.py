"""The truth about matches: confirmations and endings."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from domain.ids import MatchId, SessionId, UserId
from domain.match import Match, MatchState
from domain.request import MatchRequest, RequestStatus
from domain.requeue import Ending
from persistence.coalesce import PATIENT_ARRIVAL_SECONDS, Coalescer
from persistence.postgres.database import Database
from persistence.postgres.rows import MATCH, REQUEST, match_of, prefixed, request_of

# The rows are locked in the order of their ids, so two replicas never wait for each other in a circle.
_CONFIRM = f"""
WITH asked AS MATERIALIZED (
    SELECT match_id, array_agg(user_id) AS users, min(session_id::text)::uuid AS new_session
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS yes (match_id, user_id, session_id)
    GROUP BY match_id),
locked AS MATERIALIZED (
    SELECT m.id AS match_id, a.new_session, m.user1_confirmed_at AS old1, m.user2_confirmed_at AS old2,
           coalesce(m.user1_confirmed_at, CASE WHEN m.user1_id = ANY(a.users) THEN now() END) AS new1,
           coalesce(m.user2_confirmed_at, CASE WHEN m.user2_id = ANY(a.users) THEN now() END) AS new2
    FROM matches m JOIN asked a ON m.id = a.match_id
    WHERE m.id = ANY($1::uuid[]) AND m.status = 'proposed' AND m.deadline > now()
      AND (m.user1_id = ANY(a.users) OR m.user2_id = ANY(a.users))
    ORDER BY m.id
    FOR UPDATE OF m)
UPDATE matches SET
    user1_confirmed_at = new1,
    user2_confirmed_at = new2,
    session_id = coalesce(session_id, new_session),
    confirmed_at = CASE WHEN new1 IS NOT NULL AND new2 IS NOT NULL THEN now() END,
    status = CASE WHEN new1 IS NOT NULL AND new2 IS NOT NULL THEN 'confirmed' ELSE 'proposed' END
FROM locked
WHERE id = locked.match_id AND status = 'proposed'
RETURNING {MATCH}, old1 IS NULL AND new1 IS NOT NULL AS news1, old2 IS NULL AND new2 IS NOT NULL AS news2
"""

_GET = f"SELECT {MATCH} FROM matches WHERE id = $1"

# To a stranger no row, as for an unknown id: nothing to send, nothing to read, no time that tells them apart.
_OF_USER = f"SELECT {MATCH} FROM matches WHERE id = $1 AND $2 IN (user1_id, user2_id)"

_OF_SESSION = f"SELECT {MATCH} FROM matches WHERE session_id = $1 AND $2 IN (user1_id, user2_id)"

_END = f"""
WITH ended AS (
    UPDATE matches SET status = $2, declined_by = $3, changed_at = now(), untold = true
    WHERE id = $1 AND status = $4
      AND (user1_confirmed_at IS NOT NULL) = $5 AND (user2_confirmed_at IS NOT NULL) = $6
      AND ($2 <> 'expired' OR deadline <= now())
    RETURNING id AS ended_id)
UPDATE match_requests r SET
    status = outcome.status,
    avoid = outcome.avoid,
    match_id = CASE WHEN outcome.status = 'pending' THEN NULL ELSE r.match_id END,
    expires_at = CASE WHEN outcome.status = 'pending' THEN now() + make_interval(secs => $10) ELSE r.expires_at END,
    ended_at = CASE WHEN outcome.status = 'pending' THEN NULL ELSE now() END
FROM ended, unnest($7::uuid[], $8::text[], $9::text[]) AS outcome (request_id, status, avoid)
WHERE r.id = outcome.request_id AND r.status = 'matched' AND r.match_id = ended_id
RETURNING {prefixed("r", REQUEST)}
"""

_MARK_TOLD = """
WITH told AS MATERIALIZED (
    SELECT m.id AS match_id
    FROM matches m JOIN unnest($1::uuid[], $2::text[]) AS told (match_id, state) ON m.id = told.match_id
    WHERE m.id = ANY($1::uuid[]) AND m.status = told.state AND m.untold
    ORDER BY m.id
    FOR UPDATE OF m)
UPDATE matches SET untold = false FROM told WHERE id = told.match_id
"""

_Yes = tuple[MatchId, UserId, SessionId]


class PostgresMatches:
    """Matches in ``matches``: what the supervisor needs of ``actors.ports.Matches``."""

    def __init__(self, database: Database, *, search_seconds: float) -> None:
        self._database = database
        self._search_seconds = search_seconds
        self._confirm: Coalescer[_Yes, tuple[Match, bool] | None] = Coalescer(
            self._confirm_all, gather_seconds=PATIENT_ARRIVAL_SECONDS
        )

    async def confirm(self, yes: Sequence[_Yes]) -> Sequence[tuple[Match, bool] | None]:
        """Note each yes; one outcome each, in order."""
        return await self._confirm.all(yes)

    async def _confirm_all(self, yes: Sequence[_Yes]) -> Sequence[tuple[Match, bool] | None]:
        columns = [list(column) for column in zip(*yes, strict=True)]
        rows = await self._database.fetch(_CONFIRM, *columns)
        outcomes: dict[tuple[MatchId, UserId], tuple[Match, bool]] = {}
        for row in rows:
            match = match_of(row)
            outcomes[match.id, match.first.user_id] = match, row["news1"]
            outcomes[match.id, match.second.user_id] = match, row["news2"]
        answers: list[tuple[Match, bool] | None] = []
        for match_id, user_id, _ in yes:
            answer = outcomes.get((match_id, user_id))
            answers.append(answer)
            if answer is not None:
                outcomes[match_id, user_id] = answer[0], False  # said again in the same batch, it is no news
        return answers

    async def get(self, match_id: MatchId) -> Match | None:
        """One match."""
        rows = await self._database.fetch(_GET, match_id)
        return match_of(rows[0]) if rows else None

    async def of_user(self, user_id: UserId, match_id: MatchId) -> Match | None:
        """One match, if the user is in it."""
        rows = await self._database.fetch(_OF_USER, match_id, user_id)
        return match_of(rows[0]) if rows else None

    async def of_session(self, user_id: UserId, session_id: SessionId) -> Match | None:
        """The match of a session, if the user is in it."""
        rows = await self._database.fetch(_OF_SESSION, session_id, user_id)
        return match_of(rows[0]) if rows else None

    async def end(self, ending: Ending) -> Sequence[MatchRequest] | None:
        """The requests that are pending again, or None when the match has changed since it was read."""
        match = ending.match
        rows = await self._database.fetch(
            _END,
            match.id,
            ending.state.value,
            ending.declined_by,
            match.state.value,
            match.first.confirmed,
            match.second.confirmed,
            [participant.request_id for participant in match.participants],
            [ending.outcome(participant).value for participant in match.participants],
            [match.partner_of(participant.user_id).user_id for participant in match.participants],
            self._search_seconds,
        )
        if not rows:
            return None
        return [request for request in map(request_of, rows) if request.status is RequestStatus.PENDING]

    async def mark_told(self, told: Collection[tuple[MatchId, MatchState]]) -> None:
        """Both users have been told that the match came to this state."""
        ids, states = [match_id for match_id, _ in told], [state for _, state in told]
        await self._database.fetch(_MARK_TOLD, ids, states)
