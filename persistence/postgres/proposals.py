"""Pairing: one statement keeps the proposed pairs that are true."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.ids import MatchId, RequestId, UserId
from domain.match import Match, MatchState, Participant
from domain.pairing import Pair, Verdict
from domain.request import Bucket, Waiting
from domain.session import Question
from persistence.coalesce import Coalescer
from persistence.postgres.database import Database
from persistence.postgres.rows import Row, question_json

_Seat = tuple[str, UserId]
"""A bucket and a user."""

# `|| ''` keeps the planner on the one-live-request index, whatever its statistics say: without it an
# un-analysed table paired 14 to 500 pairs a second instead of 6,000.
_PROPOSE = """
WITH locked AS MATERIALIZED (
    SELECT r.id, r.user_id, r.bucket, r.difficulty, r.topic, r.created_at, r.avoid
    FROM match_requests r
    WHERE r.user_id = ANY($1::text[]) AND r.status IN ('pending', 'matched')
      AND r.status || '' = 'pending' AND r.bucket || '' = ANY($2::text[]) AND r.expires_at > now()
    ORDER BY r.seq
    FOR UPDATE SKIP LOCKED),
pairs AS MATERIALIZED (
    SELECT p.match_id, a.difficulty, a.topic, a.id AS id1, a.user_id AS user1, b.id AS id2, b.user_id AS user2,
           p.question
    FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::jsonb[])
         AS p (match_id, bucket, user1, user2, again, question)
    JOIN locked a ON a.user_id = p.user1 AND a.bucket = p.bucket
    JOIN locked b ON b.user_id = p.user2 AND b.bucket = p.bucket
    WHERE p.again OR (a.avoid IS DISTINCT FROM b.user_id AND b.avoid IS DISTINCT FROM a.user_id)),
seats AS (SELECT id1 AS id, match_id FROM pairs UNION ALL SELECT id2, match_id FROM pairs),
made AS (
    INSERT INTO matches (id, difficulty, topic, request1_id, user1_id, request2_id, user2_id, deadline, question)
    SELECT match_id, difficulty, topic, id1, user1, id2, user2, now() + make_interval(secs => $9), question FROM pairs),
taken AS (
    UPDATE match_requests r SET status = 'matched', match_id = seats.match_id FROM seats WHERE r.id = seats.id)
SELECT l.id, l.user_id, l.bucket, l.created_at AS since, l.avoid, seats.match_id,
       now() AS created_at, now() + make_interval(secs => $9) AS deadline
FROM locked l LEFT JOIN seats ON seats.id = l.id
"""

# Read after the statement above, so whoever another replica has just matched is not in it.
_HELD = """
SELECT user_id, bucket FROM match_requests
WHERE user_id = ANY($1::text[]) AND status IN ('pending', 'matched')
  AND status || '' = 'pending' AND bucket || '' = ANY($2::text[]) AND expires_at > now()
"""


@dataclass(frozen=True, slots=True)
class _Proposal:
    bucket: Bucket
    pairs: Sequence[tuple[MatchId, Pair]]


class PostgresProposals:
    """The proposals of all buckets that wait at the same time share one statement."""

    def __init__(self, database: Database, *, confirm_seconds: float) -> None:
        self._database = database
        self._confirm_seconds = confirm_seconds
        self._decide: Coalescer[_Proposal, Verdict] = Coalescer(self._decide_all, most=50)

    async def propose(self, bucket: Bucket, pairs: Sequence[tuple[MatchId, Pair]]) -> Verdict:
        """Match the pairs of which both are pending in *bucket* still."""
        return await self._decide(_Proposal(bucket, pairs))

    async def _decide_all(self, proposals: Sequence[_Proposal]) -> Sequence[Verdict]:
        asked = [(match_id, str(one.bucket), pair) for one in proposals for match_id, pair in one.pairs]
        proposed = {(bucket, one.user_id) for _, bucket, pair in asked for one in pair}
        pairs = list(_each_user_once(asked))
        rows = await self._database.fetch(
            _PROPOSE,
            [user_id for _, user_id in proposed],
            [str(one.bucket) for one in proposals],
            [match_id for match_id, _, _ in pairs],
            [bucket for _, bucket, _ in pairs],
            [pair.first.user_id for _, _, pair in pairs],
            [pair.second.user_id for _, _, pair in pairs],
            [pair.again for _, _, pair in pairs],
            [pair.question and question_json(pair.question) for _, _, pair in pairs],
            self._confirm_seconds,
        )
        locked = {(row["bucket"], row["user_id"]): row for row in rows}
        held = await self._held(proposed - locked.keys())
        return [_verdict(one, locked, held) for one in proposals]

    async def _held(self, unseen: Collection[_Seat]) -> Collection[_Seat]:
        if not unseen:
            return ()
        users, buckets = [user_id for _, user_id in unseen], [bucket for bucket, _ in unseen]
        return {(row["bucket"], row["user_id"]) for row in await self._database.fetch(_HELD, users, buckets)}


def _each_user_once(pairs: Iterable[tuple[MatchId, str, Pair]]) -> Iterator[tuple[MatchId, str, Pair]]:
    """The statement sees all rows as they were before it, so a user in two pairs would be matched twice."""
    taken: set[_Seat] = set()
    for match_id, bucket, pair in pairs:
        seats = {(bucket, one.user_id) for one in pair}
        if taken.isdisjoint(seats):
            taken |= seats
            yield match_id, bucket, pair


def _verdict(proposal: _Proposal, locked: Mapping[_Seat, Row], held: Collection[_Seat]) -> Verdict:
    bucket = str(proposal.bucket)
    matches: list[Match] = []
    free: list[Waiting] = []
    waiting_elsewhere: list[UserId] = []
    for match_id, pair in proposal.pairs:
        rows = [locked.get((bucket, one.user_id)) for one in pair]
        if rows[0] and rows[1] and str(rows[0]["match_id"]) == match_id:
            matches.append(_match(match_id, proposal.bucket, pair.question, rows[0], rows[1]))
            continue
        for one, row in zip(pair, rows, strict=True):
            if row and row["match_id"] is None:
                free.append(Waiting(one.user_id, row["since"].timestamp(), row["avoid"]))
            elif row is None and (bucket, one.user_id) in held:
                waiting_elsewhere.append(one.user_id)
    return Verdict(matches, free, waiting_elsewhere)


def _match(match_id: MatchId, bucket: Bucket, question: Question | None, first: Row, second: Row) -> Match:
    return Match(
        id=match_id,
        bucket=bucket,
        first=Participant(first["user_id"], RequestId(str(first["id"]))),
        second=Participant(second["user_id"], RequestId(str(second["id"]))),
        state=MatchState.PROPOSED,
        created_at=first["created_at"],
        deadline=first["deadline"],
        question=question,
    )
