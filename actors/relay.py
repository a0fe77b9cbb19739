"""The outbox relay: what PostgreSQL promised to publish, published."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import assert_never

import structlog

from actors.messages import BatchPublished, EventsWaiting, PollTimeElapsed, RelayMessage
from actors.ports import Meter, Outbox, Publisher
from actors.runtime import Actor
from domain.errors import NeighbourUnavailable
from domain.ids import EventId

log = structlog.get_logger()

MOST_AT_ONCE = 500
"""Events claimed and published in one round."""

GATHER_SECONDS = 0.1
"""How long after a round that published something the next may begin, so that events go out together."""


class OutboxRelay(Actor[RelayMessage]):
    """Claims events, publishes them, and marks those that arrived; one round at a time.

    At least once: an event whose mark is lost is published again, with the same id.  One that comes back,
    since no queue is bound for it or the queue is full, is put off and stands in nobody's way.
    """

    def __init__(self, *, outbox: Outbox, publisher: Publisher, meter: Meter, poll_seconds: float) -> None:
        super().__init__()
        self._outbox = outbox
        self._publisher = publisher
        self._meter = meter
        self._poll_seconds = poll_seconds
        self._poll: asyncio.TimerHandle | None = None
        self._busy = False
        self._asked_meanwhile = False
        self._away = False
        self._gather_until = 0.0

    async def started(self) -> None:
        """Publish what a predecessor left."""
        self._begin()

    async def receive(self, message: RelayMessage) -> None:
        """A round is an errand, so that the mailbox never waits for the broker."""
        match message:
            case EventsWaiting() if self._busy:
                self._asked_meanwhile = True
            case EventsWaiting() if self._away:
                pass  # the next poll tries again: no hammering at a broker that is away
            case EventsWaiting():
                self._begin_soon()
            case PollTimeElapsed():
                self._begin()
            case BatchPublished(more):
                self._busy = False
                if more:
                    self._begin()
                elif self._asked_meanwhile and not self._away:
                    self._begin_soon()
                else:
                    self._begin_after(self._poll_seconds)
            case _ as unknown:
                assert_never(unknown)

    def _begin_soon(self) -> None:
        """At once, unless a round has just published something."""
        pause = self._gather_until - asyncio.get_running_loop().time()
        if pause > 0:
            self._begin_after(pause)
        else:
            self._begin()

    def _begin_after(self, seconds: float) -> None:
        if self._poll is not None:
            self._poll.cancel()
        self._poll = self.remind(seconds, PollTimeElapsed())

    def _begin(self) -> None:
        if self._busy:
            return
        if self._poll is not None:
            self._poll.cancel()
        self._busy, self._asked_meanwhile = True, False
        self.pipe(self.errand(self._round()), BatchPublished, lambda _: BatchPublished(more=False))

    async def _round(self) -> bool:
        """Publish one batch; whether there may be more that can be published now."""
        if not await self._reach():
            return False
        events = await self._outbox.claim(MOST_AT_ONCE)
        if not events:
            return False
        try:
            arrived = await self._publisher.publish(events)
        except NeighbourUnavailable as error:
            log.warning("events stay in the outbox", action="publish_failed", count=len(events), error=repr(error))
            await self._outbox.release([event.event_id for event in events])
            return False
        if arrived:
            await self._note(arrived)
        there = await self._hand_back([event.event_id for event in events if event.event_id not in arrived])
        return there and bool(arrived) and len(events) == MOST_AT_ONCE

    async def _reach(self) -> bool:
        """Whether the broker is there."""
        try:
            await self._publisher.reach()
        except NeighbourUnavailable as error:
            if not self._away:
                log.warning("events stay in the outbox", action="broker_away", error=repr(error))
            self._away = True
        else:
            self._away = False
        return not self._away

    async def _note(self, arrived: Collection[EventId]) -> None:
        await self._outbox.published(arrived)
        self._meter.published(len(arrived))
        self._gather_until = asyncio.get_running_loop().time() + GATHER_SECONDS

    async def _hand_back(self, stranded: Sequence[EventId]) -> bool:
        """Put off what came back, or release what a broker that went away never saw; whether it is there."""
        if not stranded:
            return True
        if there := await self._reach():
            await self._outbox.put_off(stranded)
        else:
            await self._outbox.release(stranded)
        return there
