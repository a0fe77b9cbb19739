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
from domain.events import Outgoing
from domain.ids import EventId

log = structlog.get_logger()

MOST_AT_ONCE = 500
"""Events claimed and published in one round."""


class OutboxRelay(Actor[RelayMessage]):
    """Claims events, publishes them, and marks those that arrived; one round at a time.

    At least once: an event whose mark is lost is published again, with the same id.
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
            case EventsWaiting() | PollTimeElapsed():
                self._begin()
            case BatchPublished(more):
                self._busy = False
                if more or (self._asked_meanwhile and not self._away):
                    self._begin()
                else:
                    self._poll = self.remind(self._poll_seconds, PollTimeElapsed())
            case _ as unknown:
                assert_never(unknown)

    def _begin(self) -> None:
        if self._busy:
            return
        if self._poll is not None:
            self._poll.cancel()
        self._busy, self._asked_meanwhile = True, False
        self.pipe(self.errand(self._round()), BatchPublished, lambda _: BatchPublished(more=False))

    async def _round(self) -> bool:
        """Publish one batch; whether there may be more that can be published now."""
        try:
            await self._publisher.reach()
        except NeighbourUnavailable as error:
            if not self._away:
                log.warning("events stay in the outbox", action="broker_away", error=repr(error))
            self._away = True
            return False
        self._away = False
        events = await self._outbox.claim(MOST_AT_ONCE)
        arrived = await self._publish(events)
        stranded = [event.event_id for event in events if event.event_id not in arrived]
        if stranded:
            await self._outbox.release(stranded)
        return len(events) == MOST_AT_ONCE and not stranded

    async def _publish(self, events: Sequence[Outgoing]) -> Collection[EventId]:
        if not events:
            return ()
        try:
            arrived = await self._publisher.publish(events)
        except NeighbourUnavailable as error:
            log.warning("events stay in the outbox", action="publish_failed", count=len(events), error=repr(error))
            return ()
        await self._outbox.published(arrived)
        self._meter.published(len(arrived))
        return arrived
