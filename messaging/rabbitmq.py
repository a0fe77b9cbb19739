"""The publisher: what the broker confirmed and routed has arrived, all else stays in the outbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final

import structlog
from aio_pika import DeliveryMode
from aio_pika.exceptions import ChannelPreconditionFailed, DeliveryError, PublishError
from aiormq import spec

from domain.errors import NeighbourUnavailable
from domain.events import Outgoing
from domain.ids import EventId
from messaging.link import EXCHANGE, FAILURES, Link, linked
from messaging.meter import Meter
from messaging.pace import Seldom

log = structlog.get_logger()

BROKER: Final = "rabbitmq"
SOURCE: Final = "matching-service"
REACH_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0


class _Fate(Enum):
    """What became of one message."""

    ARRIVED = auto()
    UNROUTABLE = auto()
    REFUSED = auto()
    LOST = auto()
    """Perhaps: nobody knows."""


class RabbitPublisher:
    """Publishes to the topic exchange over a connection that it keeps up by itself.

    ::

        DOWN --connected, exchange declared--> UP --alarm--> BLOCKED --alarm over--> UP
        |  ^                                   |                |
        |  '--connection, channel or message lost---------------'
        '--failed: DOWN after a pause, at most 2 s

    Publishing while DOWN or BLOCKED raises at once, however often it is tried.
    """

    def __init__(self, *, url: str, meter: Meter, publish_seconds: float = 5.0, window: int = 100) -> None:
        self._url = url
        self._meter = meter
        self._publish_seconds = publish_seconds
        self._window = window
        self._seldom = Seldom()
        self._link: Link | None = None
        self._is_up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to connect; returns at once, whether or not there is a broker."""
        self._keeper = asyncio.create_task(self._keep_connected(), name="rabbitmq connection")

    async def close(self) -> None:
        """Close the connection."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    @property
    def connected(self) -> bool:
        """Whether publishing has a chance."""
        link = self._link
        return link is not None and not link.blocked and not link.lost.is_set()

    async def reach(self) -> None:
        """Return when publishing has a chance; waits for a connection for a second at most.

        Raises :class:`~domain.errors.NeighbourUnavailable` otherwise.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._is_up.wait(), REACH_SECONDS)
        await self._usable_link()

    async def publish(self, events: Sequence[Outgoing]) -> Collection[EventId]:
        """Publish, and return those the broker confirmed *and* routed.

        Raises :class:`~domain.errors.NeighbourUnavailable` when none arrived because the broker is away.
        """
        arrived: set[EventId] = set()
        for start in range(0, len(events), self._window):
            try:
                arrived |= await self._publish_window(events[start : start + self._window])
            except NeighbourUnavailable:
                if arrived:
                    break
                raise
        return arrived

    async def _publish_window(self, window: Sequence[Outgoing]) -> set[EventId]:
        link = await self._usable_link()
        sent = (self._publish_one(link, event) for event in window)
        fates = [self._fate(outcome) for outcome in await asyncio.gather(*sent, return_exceptions=True)]
        for event, fate in zip(window, fates, strict=True):
            if fate is _Fate.UNROUTABLE:
                self._meter.unroutable(event.routing_key)
        self._report(Counter(fates))
        arrived = {event.event_id for event, fate in zip(window, fates, strict=True) if fate is _Fate.ARRIVED}
        if _Fate.LOST in fates:
            await self._suspect(link)
            if not arrived:
                raise self._unavailable("it did not confirm")
        return arrived

    async def _publish_one(self, link: Link, event: Outgoing) -> None:
        await link.publish(
            event.body,
            exchange=EXCHANGE,
            routing_key=event.routing_key,
            properties=_properties(event),
            mandatory=True,
            timeout=self._publish_seconds,
            wait=False,
        )

    def _fate(self, outcome: BaseException | None) -> _Fate:
        match outcome:
            case None:
                return _Fate.ARRIVED
            case PublishError():
                return _Fate.UNROUTABLE
            case DeliveryError():
                return _Fate.REFUSED
            case asyncio.CancelledError():  # how the client ends what waits on a channel that closes
                return _Fate.LOST
            case _ if isinstance(outcome, FAILURES):
                return _Fate.LOST
            case _:
                log.error("an event cannot be published", action="publish", exc_info=outcome)
                return _Fate.REFUSED

    async def _usable_link(self) -> Link:
        link = self._link
        if link is None or link.lost.is_set():
            raise self._unavailable("not connected")
        if not await link.look():
            raise self._unavailable("it has a memory or disk alarm")
        return link

    async def _suspect(self, link: Link) -> None:
        """Give the connection up after a loss, unless the broker only pauses reading it."""
        if await link.look():
            link.lost.set()
        else:
            self._say("the broker has a memory or disk alarm: events stay in the outbox", action="blocked")

    def _unavailable(self, reason: str) -> NeighbourUnavailable:
        self._meter.dependency_failed(BROKER)
        return NeighbourUnavailable(BROKER, reason)

    def _report(self, fates: Counter[_Fate]) -> None:
        if unroutable := fates[_Fate.UNROUTABLE]:
            self._say("no queue is bound for events: they stay in the outbox", action="unroutable", count=unroutable)
        if refused := fates[_Fate.REFUSED]:
            self._meter.dependency_failed(BROKER)
            self._say("the broker refused events: they stay in the outbox", action="refused", count=refused)

    async def _keep_connected(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with linked(self._url) as link:
                    pause = FIRST_PAUSE_SECONDS
                    await self._use(link)
            except asyncio.CancelledError:
                if _is_being_cancelled():
                    raise
            except FAILURES as error:
                self._explain(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _use(self, link: Link) -> None:
        log.info("connected to the broker", action="connect", exchange=EXCHANGE)
        self._link = link
        self._is_up.set()
        try:
            await link.lost.wait()
        finally:
            self._link = None
            self._is_up.clear()
        self._say("the connection to the broker is lost", action="disconnect")

    def _explain(self, error: BaseException) -> None:
        self._meter.dependency_failed(BROKER)
        if isinstance(error, ChannelPreconditionFailed):
            self._say("the exchange exists, but is not a durable topic exchange: delete it", action="declare")
        else:
            reason = f"{type(error).__name__}: {error}"
            self._say("the broker cannot be reached: events stay in the outbox", action="connect", reason=reason)

    def _say(self, sentence: str, *, action: str, **fields: object) -> None:
        if self._seldom.is_due(action):
            log.warning(sentence, action=action, exchange=EXCHANGE, **fields)


class UnconfiguredPublisher:
    """For a deployment without a broker: events stay in the outbox until there is one."""

    connected: Final = False

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def reach(self) -> None:
        """Always raises."""
        raise NeighbourUnavailable(BROKER, "RABBITMQ_URL is not set")

    async def publish(self, events: Sequence[Outgoing]) -> Collection[EventId]:
        """Always raises."""
        del events
        raise NeighbourUnavailable(BROKER, "RABBITMQ_URL is not set")


def _properties(event: Outgoing) -> spec.Basic.Properties:
    return spec.Basic.Properties(
        content_type="application/json",
        content_encoding="utf-8",
        delivery_mode=DeliveryMode.PERSISTENT,
        headers={},
        message_id=event.event_id,
        message_type=event.routing_key,
        timestamp=datetime.now(UTC),
        app_id=SOURCE,
    )


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
