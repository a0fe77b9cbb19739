"""The rows that the in-memory stores share, as the tables do, and the switch that takes a store away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from domain.errors import Unavailable
from domain.events import Outgoing
from domain.ids import EventId, MatchId, RequestId, UserId
from domain.match import Match, MatchState
from domain.request import MatchRequest
from tests.builders import NOON

AWAY = timedelta(seconds=5)
"""After so long without a sign of life, nobody could answer."""

VOUCHED = timedelta(seconds=2)
"""How long after a sign of life a deadline that passes has passed for good."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""What an event that nobody holds back is claimed until."""

P = ParamSpec("P")
R = TypeVar("R")


class Clock:
    """The store's clock: stands still but for the microsecond that every row takes."""

    def __init__(self) -> None:
        self.now = NOON

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def tick(self) -> datetime:
        self.advance(0.000_001)
        return self.now


@dataclass
class Switch:
    """Takes a store or neighbour away."""

    error: Unavailable
    away: bool = False
    away_for: int = 0
    """Calls from now on that fail before they do anything."""
    answers_lost: int = 0
    """Calls from now on that do what they are asked, and fail nevertheless."""
    calls: Counter[str] = field(default_factory=Counter)
    """How often each method was called."""

    def before(self) -> None:
        if self.away or self.away_for > 0:
            self.away_for -= 1
            raise self.error

    def after(self) -> None:
        if self.answers_lost:
            self.answers_lost -= 1
            raise self.error


class Switched(Protocol):
    @property
    def switch(self) -> Switch: ...


S = TypeVar("S", bound=Switched)


def reachable(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Makes a port's method of a plain one: atomic, with a turn of the loop before and after, and able to fail."""

    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        self.switch.calls[method.__name__] += 1
        self.switch.before()
        await asyncio.sleep(0)
        answer = method(self, *args, **kwargs)
        await asyncio.sleep(0)
        self.switch.after()
        return answer

    return call


@dataclass
class RequestRow:
    seq: int
    value: MatchRequest
    ended_at: datetime | None = None


@dataclass
class MatchRow:
    value: Match
    changed_at: datetime
    untold: bool = True


@dataclass
class EventRow:
    value: Outgoing
    created_at: datetime
    claimed_until: datetime = NEVER
    published_at: datetime | None = None


@dataclass
class Tables:
    """What PostgreSQL would hold."""

    clock: Clock
    switch: Switch
    search_seconds: float
    confirm_seconds: float
    requests: dict[RequestId, RequestRow] = field(default_factory=dict)
    matches: dict[MatchId, MatchRow] = field(default_factory=dict)
    outbox: list[EventRow] = field(default_factory=list)
    held: set[UserId] = field(default_factory=set)
    """Users whose rows another connection has locked."""
    beaten_at: datetime | None = None
    """The last sign of life."""
    _of_user: dict[UserId, list[RequestRow]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.clock.now

    def in_queue_order(self) -> list[RequestRow]:
        return sorted(self.requests.values(), key=lambda row: row.seq)

    def insert(self, request: MatchRequest) -> None:
        row = RequestRow(len(self.requests) + 1, request)
        self.requests[request.id] = row
        self._of_user.setdefault(request.user_id, []).append(row)

    def live(self, user_id: UserId) -> RequestRow | None:
        """The unique index: at most one."""
        rows = [row for row in self._of_user.get(user_id, ()) if row.value.status.is_live]
        assert len(rows) < 2, f"two live requests of {user_id}"
        return rows[0] if rows else None

    def change(self, row: RequestRow, **changes: Any) -> MatchRequest:
        row.value = replace(row.value, **changes)
        row.ended_at = None if row.value.status.is_live else row.ended_at or self.now
        return row.value

    def read(self, match_id: MatchId) -> Match | None:
        """A match with what depends on the moment of reading."""
        row = self.matches.get(match_id)
        if row is None:
            return None
        since = row.value.confirmed_at
        return replace(
            row.value,
            overdue=row.value.state is MatchState.PROPOSED
            and row.value.deadline <= self.now
            and not self._may_be_given_back(row.value),
            confirmed_for=(self.now - since).total_seconds() if since else 0.0,
        )

    def _may_be_given_back(self, match: Match) -> bool:
        """Whether the next sign of life may move its deadline."""
        beaten_at = self.beaten_at
        return beaten_at is not None and match.created_at <= beaten_at and match.deadline > beaten_at + VOUCHED

    def move(self, row: MatchRow, **changes: Any) -> None:
        row.value = replace(row.value, **changes)
        row.changed_at, row.untold = self.now, True

    def has_promised(self, event_id: EventId) -> bool:
        return any(row.value.event_id == event_id for row in self.outbox)

    def promise(self, event: Outgoing) -> None:
        self.outbox.append(EventRow(event, created_at=self.clock.tick()))
