"""The truth about sessions: the question that was kept, readiness, leaving; each with its event."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.events import Event, Outgoing
from domain.ids import MatchId, UserId
from domain.match import Match
from domain.session import Question, Session
from persistence.coalesce import Coalescer
from persistence.postgres.database import Database
from persistence.postgres.rows import question_json, question_of

_KEEP_QUESTION = """
UPDATE matches m SET question = coalesce(m.question, asked.question)
FROM unnest($1::uuid[], $2::jsonb[]) AS asked (match_id, question)
WHERE m.id = asked.match_id AND m.status = 'confirmed'
RETURNING m.id, m.question
"""

_READY = """
WITH ready AS (
    UPDATE matches m SET status = 'ready', changed_at = now(), untold = true
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[]) AS asked (match_id, event_id, routing_key, body)
    WHERE m.id = asked.match_id AND m.status = 'confirmed' AND m.question IS NOT NULL
    RETURNING m.id, m.request1_id, m.request2_id, asked.event_id, asked.routing_key, asked.body),
confirmed AS (
    UPDATE match_requests r SET status = 'confirmed', ended_at = now()
    FROM (SELECT request1_id AS id, id AS match_id FROM ready UNION ALL SELECT request2_id, id FROM ready) x
    WHERE r.id = x.id AND r.status = 'matched' AND r.match_id = x.match_id),
promised AS (
    INSERT INTO outbox (event_id, routing_key, body) SELECT event_id, routing_key, body FROM ready)
SELECT id FROM ready
"""

_LEAVE = """
WITH gone AS (
    UPDATE matches SET
        user1_left_at = CASE WHEN user1_id = $2 THEN now() ELSE user1_left_at END,
        user2_left_at = CASE WHEN user2_id = $2 THEN now() ELSE user2_left_at END,
        status = CASE WHEN $3 OR $4 THEN 'closed' ELSE 'ready' END,
        untold = untold AND NOT ($3 OR $4),  -- whoever has left need not be told any more that it is ready
        changed_at = now()
    WHERE id = $1 AND status = 'ready' AND $2 IN (user1_id, user2_id)
      AND (user1_left_at IS NOT NULL) = $3 AND (user2_left_at IS NOT NULL) = $4
      AND (CASE WHEN user1_id = $2 THEN user1_left_at ELSE user2_left_at END) IS NULL
    RETURNING id),
promised AS (
    INSERT INTO outbox (event_id, routing_key, body) SELECT $5, $6, $7 FROM gone)
SELECT id FROM gone
UNION ALL
SELECT $1::uuid FROM outbox WHERE event_id = $5  -- it was committed before, and the answer got lost on the way
"""


class PostgresOpenings:
    """Sessions as columns of their match; satisfies ``actors.ports.Openings``."""

    def __init__(self, database: Database, *, encode: Callable[[Event], Outgoing]) -> None:
        self._database = database
        self._encode = encode
        self._keep: Coalescer[tuple[MatchId, Question], Question | None] = Coalescer(
            self._keep_all, lock_order=lambda one: one[0]
        )
        self._make_ready: Coalescer[tuple[MatchId, Outgoing], bool] = Coalescer(
            self._ready_all, lock_order=lambda one: one[0]
        )

    async def keep_question(self, match_id: MatchId, question: Question) -> Question | None:
        """Note the question of a confirmed match; the first one stays and is returned."""
        return await self._keep((match_id, question))

    async def _keep_all(self, asked: Sequence[tuple[MatchId, Question]]) -> Sequence[Question | None]:
        ids, questions = [match_id for match_id, _ in asked], [question_json(question) for _, question in asked]
        kept = {
            str(row["id"]): question_of(row["question"])
            for row in await self._database.fetch(_KEEP_QUESTION, ids, questions)
        }
        return [kept.get(match_id) for match_id, _ in asked]

    async def ready(self, session: Session, event: Event) -> bool:
        """In one transaction: the session can be read, and *event* is in the outbox."""
        return await self._make_ready((session.match_id, self._encode(event)))

    async def _ready_all(self, asked: Sequence[tuple[MatchId, Outgoing]]) -> Sequence[bool]:
        rows = await self._database.fetch(
            _READY,
            [match_id for match_id, _ in asked],
            [event.event_id for _, event in asked],
            [event.routing_key for _, event in asked],
            [event.body for _, event in asked],
        )
        ready = {str(row["id"]) for row in rows}
        return [match_id in ready for match_id, _ in asked]

    async def leave(self, match: Match, user_id: UserId, event: Event) -> bool:
        """In one transaction: *user_id* has left, and *event* is in the outbox."""
        outgoing = self._encode(event)
        rows = await self._database.fetch(
            _LEAVE,
            match.id,
            user_id,
            match.first.left,
            match.second.left,
            outgoing.event_id,
            outgoing.routing_key,
            outgoing.body,
        )
        return bool(rows)
