"""Requests and proposals in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta

from domain.errors import LiveRequestExists
from domain.ids import MatchId, RequestId, UserId
from domain.match import Match, MatchState, Participant
from domain.pairing import Pair, Verdict
from domain.request import Admission, Bucket, MatchRequest, RequestStatus, Waiting
from domain.session import Question
from tests.builders import place
from tests.fakes.tables import MatchRow, RequestRow, Switch, Tables, reachable


class FakeRequests:
    """Satisfies ``actors.ports.Requests``."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    @reachable
    def add(self, bucket: Bucket, asked: Sequence[tuple[RequestId, UserId]]) -> Sequence[Admission | LiveRequestExists]:
        return [self._add(bucket, request_id, user_id) for request_id, user_id in asked]

    def _add(self, bucket: Bucket, request_id: RequestId, user_id: UserId) -> Admission | LiveRequestExists:
        tables = self._tables
        created_at = tables.clock.tick()
        expires_at = created_at + timedelta(seconds=tables.search_seconds)
        live = tables.live(user_id)
        if live is None:
            request = MatchRequest(
                id=request_id,
                user_id=user_id,
                bucket=bucket,
                status=RequestStatus.PENDING,
                created_at=created_at,
                expires_at=expires_at,
            )
            tables.insert(request)
            return Admission(request, already_queued=False)
        if live.value.bucket == bucket and live.value.status is RequestStatus.PENDING:
            renewed = tables.change(live, expires_at=expires_at)
            return Admission(renewed, already_queued=renewed.id != request_id)
        if live.value.id == request_id:
            return Admission(live.value, already_queued=False)
        return LiveRequestExists(live.value.id, live.value.match_id)

    @reachable
    def get(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        row = self._tables.requests.get(request_id)
        return row.value if row and row.value.user_id == user_id else None

    @reachable
    def withdraw(self, ids: Collection[RequestId]) -> Collection[RequestId]:
        rows = [row for id_ in ids if (row := self._tables.requests.get(id_))]
        for row in rows:
            if row.value.status is RequestStatus.PENDING:
                self._tables.change(row, status=RequestStatus.CANCELLED)
        return {row.value.id for row in rows if row.value.status is RequestStatus.CANCELLED}

    @reachable
    def time_out(self, ids: Collection[RequestId]) -> Collection[RequestId]:
        tables = self._tables
        rows = [row for id_ in ids if (row := tables.requests.get(id_))]
        over = [r for r in rows if r.value.status is RequestStatus.PENDING and r.value.expires_at <= tables.now]
        return {tables.change(row, status=RequestStatus.TIMED_OUT).id for row in over}

    @reachable
    def waiting(self, bucket: Bucket, most: int) -> Sequence[Waiting]:
        rows = [row for row in self._tables.in_queue_order() if is_waiting(self._tables, row, bucket)]
        return [place(row.value) for row in rows[:most]]

    @reachable
    def still_waiting(self, bucket: Bucket, users: Collection[UserId]) -> Collection[UserId]:
        return {user_id for user_id in users if is_waiting(self._tables, self._tables.live(user_id), bucket)}


def is_waiting(tables: Tables, row: RequestRow | None, bucket: Bucket) -> bool:
    if row is None or row.value.bucket != bucket:
        return False
    return row.value.status is RequestStatus.PENDING and row.value.expires_at > tables.now


class FakeProposals:
    """Satisfies ``actors.ports.Proposals``."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    @reachable
    def propose(self, bucket: Bucket, pairs: Sequence[tuple[MatchId, Pair]]) -> Verdict:
        tables = self._tables
        pending = {
            one.user_id: row
            for _, pair in pairs
            for one in pair
            if (row := tables.live(one.user_id)) and is_waiting(tables, row, bucket)
        }
        free = {user_id: row for user_id, row in pending.items() if user_id not in tables.held}
        matches: list[Match] = []
        for match_id, pair in pairs:
            rows = [free.get(one.user_id) for one in pair]
            if rows[0] and rows[1] and _may_hold(rows[0].value, rows[1].value, again=pair.again):
                matches.append(self._match(match_id, bucket, pair.question, rows[0], rows[1]))
                del free[rows[0].value.user_id], free[rows[1].value.user_id]
        proposed = {one.user_id for _, pair in pairs for one in pair}
        matched = {user_id for match in matches for user_id in match.users}
        return Verdict(
            matches,
            [place(row.value) for row in free.values()],
            {user_id for user_id in proposed & pending.keys() - matched if user_id in tables.held},
        )

    def _match(
        self, match_id: MatchId, bucket: Bucket, question: Question | None, one: RequestRow, other: RequestRow
    ) -> Match:
        tables = self._tables
        for row in (one, other):
            tables.change(row, status=RequestStatus.MATCHED, match_id=match_id)
        match = Match(
            id=match_id,
            bucket=bucket,
            first=Participant(one.value.user_id, one.value.id),
            second=Participant(other.value.user_id, other.value.id),
            state=MatchState.PROPOSED,
            created_at=tables.now,
            deadline=tables.now + timedelta(seconds=tables.confirm_seconds),
            question=question,
        )
        tables.matches[match_id] = MatchRow(match, changed_at=tables.now)
        return match


def _may_hold(one: MatchRequest, other: MatchRequest, *, again: bool) -> bool:
    return again or (one.avoid != other.user_id and other.avoid != one.user_id)
