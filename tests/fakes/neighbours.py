"""The Question Service, the broker, the users' sockets and the metrics in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any

from domain.census import BucketCensus, OutboxCensus
from domain.errors import NeighbourUnavailable
from domain.events import Outgoing
from domain.ids import EventId, UserId
from domain.match import MatchState
from domain.news import News
from domain.reasons import EndReason
from domain.request import Bucket
from domain.session import Question
from tests.builders import a_question
from tests.fakes.tables import Switch


class FakeQuestions:
    """Satisfies ``actors.ports.Questions``; never the same question twice."""

    def __init__(self) -> None:
        self.switch = Switch(NeighbourUnavailable("questions"))
        self.gate: asyncio.Event | None = None
        """When there is one, picking takes until it is set."""
        self.asked: list[Bucket] = []
        self.fresh: Question | None = None
        """At hand, when there is one."""
        self._numbers = count(1)

    async def pick(self, bucket: Bucket) -> Question:
        self.asked.append(bucket)
        if self.gate is not None:
            await self.gate.wait()
        self.switch.before()
        return a_question(next(self._numbers))

    def at_hand(self, bucket: Bucket) -> Question | None:
        return self.fresh


class FakePublisher:
    """Satisfies ``actors.ports.Publisher``."""

    def __init__(self) -> None:
        self.switch = Switch(NeighbourUnavailable("rabbitmq"))
        self.sending = Switch(NeighbourUnavailable("rabbitmq"))
        self.unroutable: set[EventId] = set()
        self.gate: asyncio.Event | None = None
        self.arrived: list[Outgoing] = []
        self.reached = 0
        self.rounds = 0
        self.goes_away_after: int | None = None
        """So many events of the next round arrive, and the broker is away."""

    async def reach(self) -> None:
        self.reached += 1
        self.switch.before()

    async def publish(self, events: Sequence[Outgoing]) -> Collection[EventId]:
        self.rounds += 1
        if self.gate is not None:
            await self.gate.wait()
        self.sending.before()
        if self.goes_away_after is not None:
            events, self.goes_away_after, self.switch.away = events[: self.goes_away_after], None, True
        routed = [event for event in events if event.event_id not in self.unroutable]
        self.arrived += routed
        self.sending.after()
        return {event.event_id for event in routed}


class FakeNotifier:
    """Satisfies ``actors.ports.Notifier``; remembers who was told what, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[UserId, News]] = []

    def tell(self, user_id: UserId, news: News) -> None:
        self.told.append((user_id, news))

    def to(self, user_id: UserId) -> list[News]:
        return [news for told, news in self.told if told == user_id]

    def kinds_to(self, user_id: UserId) -> list[str]:
        return [type(news).__name__ for news in self.to(user_id)]


class FakeMeter:
    """Satisfies ``actors.ports.Meter``; counts."""

    def __init__(self) -> None:
        self.counts: Counter[Any] = Counter()
        self.waits: list[float] = []
        self.ahead: float | None = None
        self.censuses: list[tuple[Sequence[BucketCensus], OutboxCensus]] = []

    def request_ended(self, bucket: Bucket, outcome: str) -> None:
        self.counts["request", outcome] += 1

    def matched(self, bucket: Bucket, waits: Sequence[float]) -> None:
        self.counts["matched"] += 1
        self.waits += waits

    def match_ended(self, bucket: Bucket, outcome: MatchState | EndReason) -> None:
        self.counts["match", outcome] += 1

    def session_opened(self, seconds: float) -> None:
        self.counts["session_opened"] += 1

    def confirmed(self, seconds: float) -> None:
        self.counts["confirmed"] += 1

    def published(self, count: int) -> None:
        self.counts["published"] += count

    def census(self, buckets: Sequence[BucketCensus], outbox: OutboxCensus) -> None:
        self.censuses.append((buckets, outbox))

    def clock_ahead(self, seconds: float) -> None:
        self.ahead = seconds

    def actor_restarted(self, kind: str) -> None:
        self.counts["restarted", kind] += 1

    def actor_hung(self, kind: str) -> None:
        self.counts["hung", kind] += 1

    def left_behind(self, what: str, count: int) -> None:
        self.counts["left_behind", what] += count
