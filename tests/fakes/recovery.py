"""The outbox, the janitor's view and the read side in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from domain.census import BucketCensus, Heartbeat, Leftovers, OutboxCensus
from domain.errors import StoreUnavailable
from domain.events import Outgoing
from domain.ids import EventId, MatchId, RequestId, SessionId, UserId
from domain.match import Match, MatchState
from domain.news import Snapshot
from domain.request import Bucket, MatchRequest, Place, RequestStatus
from domain.session import Document, Session
from tests.fakes.redis import FakeSessions
from tests.fakes.tables import AWAY, NEVER, VOUCHED, EventRow, Switch, Tables, reachable

GRACE = timedelta(seconds=1)
CLAIM = timedelta(seconds=3)
GRACE_AT_MOST = timedelta(seconds=600)
MOST_COUNTED = 10_000
MOST_DELETED = 5000


class FakeOutbox:
    """Satisfies ``actors.ports.Outbox``."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    @reachable
    def claim(self, most: int) -> Sequence[Outgoing]:
        now = self._tables.now
        free = [row for row in self._tables.outbox if row.published_at is None and row.claimed_until < now]
        rows = sorted(free, key=lambda row: row.claimed_until)[:most]
        for row in rows:
            row.claimed_until = now + CLAIM
        return [row.value for row in sorted(rows, key=lambda row: row.created_at)]

    @reachable
    def published(self, ids: Collection[EventId]) -> None:
        for row in self._unpublished(ids):
            row.published_at = self._tables.now

    @reachable
    def release(self, ids: Collection[EventId]) -> None:
        for row in self._unpublished(ids):
            row.claimed_until = NEVER

    @reachable
    def put_off(self, ids: Collection[EventId]) -> None:
        for row in self._unpublished(ids):
            age = self._tables.now - row.created_at
            pause = min(timedelta(seconds=50), timedelta(seconds=1) + age / 2)
            row.claimed_until = self._tables.now + max(pause, age / 5 if is_optional(row) else pause)

    def _unpublished(self, ids: Collection[EventId]) -> list[EventRow]:
        return [row for row in self._tables.outbox if row.value.event_id in ids and row.published_at is None]


def is_optional(row: EventRow) -> bool:
    return row.value.routing_key == "session.left"


class FakeRecovery:
    """Satisfies ``actors.ports.Recovery``."""

    def __init__(self, tables: Tables, *, retention_days: float) -> None:
        self._tables = tables
        self._retention = timedelta(days=retention_days)

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    def _pending(self) -> list[tuple[int, MatchRequest]]:
        rows = self._tables.in_queue_order()
        return [(row.seq, row.value) for row in rows if row.value.status is RequestStatus.PENDING]

    def _in(self, state: MatchState) -> list[Match]:
        return [m for id_ in self._tables.matches if (m := self._tables.read(id_)) and m.state is state]

    @reachable
    def beat(self) -> Heartbeat:
        now, before = self._tables.now, self._tables.beaten_at
        self._tables.beaten_at = now
        if before is None:
            return Heartbeat(0.0, 0, 0.0)
        away = now - before
        lost = [] if away <= AWAY else [match for match in self._in(MatchState.PROPOSED) if match.created_at <= before]
        moved = [
            replace(match, deadline=match.deadline + min(away, GRACE_AT_MOST))
            for match in lost
            if match.deadline > before + VOUCHED
        ]
        for match in moved:
            self._tables.matches[match.id].value = match
        return Heartbeat(away.total_seconds(), len(moved), 0.0)

    @reachable
    def leftovers(self) -> Leftovers:
        past = self._tables.now - GRACE
        rows = self._tables.matches.values()
        untold = [row for row in rows if row.untold and row.value.state is not MatchState.CONFIRMED]
        late = sorted((row for row in untold if row.changed_at <= past - GRACE), key=lambda row: row.changed_at)
        return Leftovers(
            overdue_requests=[request for _, request in self._pending() if request.expires_at <= past],
            overdue_matches=[match.id for match in self._in(MatchState.PROPOSED) if match.deadline <= past],
            unopened=[m for m in self._in(MatchState.CONFIRMED) if m.confirmed_at and m.confirmed_at <= past],
            untold=[match for row in late if (match := self._tables.read(row.value.id))],
        )

    @reachable
    def pending(self, after: int, most: int) -> tuple[Sequence[MatchRequest], int]:
        now = self._tables.now
        settled = now + timedelta(seconds=self._tables.search_seconds) - GRACE
        rows = [(seq, one) for seq, one in self._pending() if seq > after and now < one.expires_at <= settled][:most]
        return [request for _, request in rows], rows[-1][0] if len(rows) == most else 0

    @reachable
    def census(self) -> tuple[Sequence[BucketCensus], OutboxCensus]:
        now = self._tables.now
        waits: dict[Bucket, list[float]] = {}
        for _, request in self._pending():
            waits.setdefault(request.bucket, []).append((now - request.created_at).total_seconds())
        waiting = [row for row in self._tables.outbox if row.published_at is None]
        missed = [row for row in waiting if row.claimed_until == NEVER or not is_optional(row)]
        ages = [(now - row.created_at).total_seconds() for row in missed]
        return (
            [BucketCensus(bucket, len(seconds), max(seconds)) for bucket, seconds in waits.items()],
            OutboxCensus(min(len(waiting), MOST_COUNTED), max(ages, default=0.0)),
        )

    @reachable
    def forget_old(self) -> tuple[int, bool]:
        tables, old = self._tables, self._tables.now - self._retention
        live = (MatchState.PROPOSED, MatchState.CONFIRMED)
        requests = [id_ for id_, row in tables.requests.items() if row.ended_at and row.ended_at < old]
        matches = [id_ for id_, m in tables.matches.items() if m.value.state not in live and m.changed_at < old]
        events = [row for row in tables.outbox if row.published_at and row.published_at < old]
        unheard = [
            row
            for row in tables.outbox
            if not row.published_at and is_optional(row) and row.claimed_until > NEVER and row.created_at < old
        ]
        for request_id in requests[:MOST_DELETED]:
            del tables.requests[request_id]
        for match_id in matches[:MOST_DELETED]:
            del tables.matches[match_id]
        for event in [*events[:MOST_DELETED], *unheard[:MOST_DELETED]]:
            tables.outbox.remove(event)
        numbers = [min(len(rows), MOST_DELETED) for rows in (requests, matches, events, unheard)]
        return sum(numbers), MOST_DELETED in numbers


class FakeReads:
    """Satisfies ``web.reads.Reads``."""

    def __init__(self, tables: Tables, sessions: FakeSessions, *, session_seconds: float) -> None:
        self._tables = tables
        self._sessions = sessions
        self._session_seconds = timedelta(seconds=session_seconds)

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    @reachable
    def request(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        row = self._tables.requests.get(request_id)
        return row.value if row and row.value.user_id == user_id else None

    @reachable
    def place(self, request: MatchRequest) -> Place:
        ahead = [one for one in self._tables.in_queue_order() if one.value.status is RequestStatus.PENDING]
        seq = self._tables.requests[request.id].seq
        position = 1 + sum(one.value.bucket == request.bucket and one.seq < seq for one in ahead)
        waits = [
            (row.value.created_at - self._tables.requests[row.value.first.request_id].value.created_at).total_seconds()
            for row in self._tables.matches.values()
            if row.value.bucket == request.bucket
        ]
        waited = (self._tables.now - request.created_at).total_seconds()
        return Place(position, waited, sum(waits[-20:]) / len(waits[-20:]) if waits else None)

    @reachable
    def match(self, user_id: UserId, match_id: MatchId) -> Match | None:
        match = self._tables.read(match_id)
        return match if match and user_id in match.users else None

    @reachable
    def active_session(self, user_id: UserId) -> Session | None:
        return self._active(user_id)

    def _active(self, user_id: UserId) -> Session | None:
        matches = [self._tables.read(match_id) for match_id in self._tables.matches]
        sessions = [
            session
            for match in matches
            if match and match.state is MatchState.READY and user_id in match.users
            if not match.seat_of(user_id).left and (session := match.session) and self._is_fresh(session)
        ]
        return max(sessions, key=lambda session: session.created_at, default=None)

    def _is_fresh(self, session: Session) -> bool:
        return session.created_at > self._tables.now - self._session_seconds

    async def session(self, user_id: UserId, session_id: SessionId) -> tuple[Session, Document] | None:
        match = self._find(session_id)
        if match is None or user_id not in match.users or match.seat_of(user_id).left:
            return None
        return await self.any_session(session_id)

    async def any_session(self, session_id: SessionId) -> tuple[Session, Document] | None:
        match = self._find(session_id)
        if match is None or match.session is None or not self._is_fresh(match.session):
            return None
        try:
            await self._sessions.create(match.session)
        except StoreUnavailable:
            return match.session, Document()
        return match.session, self._sessions.typed[session_id]

    def _find(self, session_id: SessionId) -> Match | None:
        self.switch.before()
        ids = [row.value.id for row in self._tables.matches.values() if row.value.session_id == session_id]
        return self._tables.read(ids[0]) if ids else None

    @reachable
    def snapshot(self, user_id: UserId) -> Snapshot:
        live = self._tables.live(user_id)
        match = self._tables.read(live.value.match_id) if live and live.value.match_id else None
        return Snapshot(live.value if live else None, match, self._active(user_id))
