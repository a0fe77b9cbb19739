"""Matches and openings in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from domain.events import Event, Outgoing
from domain.ids import MatchId, SessionId, UserId
from domain.match import Match, MatchState, Participant
from domain.request import MatchRequest, RequestStatus
from domain.requeue import Ending
from domain.session import Question, Session
from tests.fakes.tables import MatchRow, Switch, Tables, reachable

SECOND = timedelta(seconds=1)


class FakeMatches:
    """Satisfies ``actors.ports.Matches``."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    @reachable
    def confirm(self, yes: Sequence[tuple[MatchId, UserId, SessionId]]) -> Sequence[tuple[Match, bool] | None]:
        tables = self._tables
        open_before = {match_id for match_id, _, _ in yes if self._is_open(match_id)}
        news = [match_id in open_before and self._note(match_id, user_id, new) for match_id, user_id, new in yes]
        outcomes: list[tuple[Match, bool] | None] = []
        for (match_id, user_id, _), is_news in zip(yes, news, strict=True):
            match = tables.read(match_id) if match_id in open_before else None
            outcomes.append((match, is_news) if match and user_id in match.users else None)
        return outcomes

    def _is_open(self, match_id: MatchId) -> bool:
        match = self._tables.read(match_id)
        return match is not None and match.state is MatchState.PROPOSED and not match.overdue

    def _note(self, match_id: MatchId, user_id: UserId, new: SessionId) -> bool:
        row = self._tables.matches[match_id]
        match = row.value
        if user_id not in match.users or match.seat_of(user_id).confirmed:
            return False
        first, second = (replace(one, confirmed=one.confirmed or one.user_id == user_id) for one in match.participants)
        row.value = replace(match, first=first, second=second, session_id=match.session_id or new)
        if first.confirmed and second.confirmed:
            row.value = replace(row.value, state=MatchState.CONFIRMED, confirmed_at=self._tables.now)
        return True

    @reachable
    def get(self, match_id: MatchId) -> Match | None:
        return self._tables.read(match_id)

    @reachable
    def of_user(self, user_id: UserId, match_id: MatchId) -> Match | None:
        match = self._tables.read(match_id)
        return match if match is not None and user_id in match.users else None

    @reachable
    def of_session(self, user_id: UserId, session_id: SessionId) -> Match | None:
        rows = [row.value for row in self._tables.matches.values() if user_id in row.value.users]
        ids = [match.id for match in rows if match.session_id == session_id]
        return self._tables.read(ids[0]) if ids else None

    @reachable
    def end(self, ending: Ending) -> Sequence[MatchRequest] | None:
        tables, seen = self._tables, ending.match
        row, now = tables.matches.get(seen.id), tables.read(seen.id)
        if row is None or now is None or now.state is not seen.state:
            return None
        if [one.confirmed for one in now.participants] != [one.confirmed for one in seen.participants]:
            return None
        if ending.state is MatchState.EXPIRED and not now.overdue:
            return None
        tables.move(row, state=ending.state, declined_by=ending.declined_by)
        ended = [self._release(ending, one) for one in seen.participants]
        return [request for request in ended if request.status is RequestStatus.PENDING]

    def _release(self, ending: Ending, one: Participant) -> MatchRequest:
        tables = self._tables
        row = tables.requests[one.request_id]
        assert row.value.status is RequestStatus.MATCHED
        assert row.value.match_id == ending.match.id
        outcome = ending.outcome(one)
        changes: dict[str, object] = {"status": outcome, "avoid": ending.match.partner_of(one.user_id).user_id}
        if outcome is RequestStatus.PENDING:
            changes |= {"match_id": None, "expires_at": tables.now + SECOND * tables.search_seconds}
        return tables.change(row, **changes)

    @reachable
    def mark_told(self, told: Collection[tuple[MatchId, MatchState]]) -> None:
        for match_id, state in told:
            row = self._tables.matches.get(match_id)
            if row is not None and row.value.state is state:
                row.untold = False


class FakeOpenings:
    """Satisfies ``actors.ports.Openings``."""

    def __init__(self, tables: Tables, *, encode: Callable[[Event], Outgoing]) -> None:
        self._tables = tables
        self._encode = encode

    @property
    def switch(self) -> Switch:
        return self._tables.switch

    def _confirmed(self, match_id: MatchId) -> MatchRow | None:
        row = self._tables.matches.get(match_id)
        return row if row is not None and row.value.state is MatchState.CONFIRMED else None

    @reachable
    def keep_question(self, match_id: MatchId, question: Question) -> Question | None:
        row = self._confirmed(match_id)
        if row is None:
            return None
        row.value = replace(row.value, question=row.value.question or question)
        return row.value.question

    @reachable
    def ready(self, session: Session, event: Event) -> bool:
        row = self._confirmed(session.match_id)
        if row is None or row.value.question is None:
            return False
        self._tables.move(row, state=MatchState.READY)
        for one in row.value.participants:
            self._tables.change(self._tables.requests[one.request_id], status=RequestStatus.CONFIRMED)
        self._tables.promise(self._encode(event))
        return True

    @reachable
    def leave(self, match: Match, user_id: UserId, event: Event) -> bool:
        if self._tables.has_promised(event.event_id):
            return True
        row = self._tables.matches.get(match.id)
        if row is None or row.value.state is not MatchState.READY or user_id not in match.users:
            return False
        before = [one.left for one in row.value.participants]
        if before != [one.left for one in match.participants] or match.seat_of(user_id).left:
            return False
        first, second = (replace(one, left=one.left or one.user_id == user_id) for one in row.value.participants)
        closed = first.left and second.left
        row.value = replace(
            row.value, first=first, second=second, state=MatchState.CLOSED if closed else MatchState.READY
        )
        row.changed_at, row.untold = self._tables.now, row.untold and not closed
        self._tables.promise(self._encode(event))
        return True
