"""Who is connected, and how they are told."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from domain.errors import Stopping
from domain.ids import UserId
from domain.news import News
from web import frames
from web.connection import CLOSING_SECONDS, CloseCode, Connection
from web.errors import TooManySockets
from web.meter import WebMeter
from web.options import WebOptions
from web.turns import Turns

GOODBYE_SECONDS: Final = CLOSING_SECONDS + 1
MOST_GREETINGS: Final = 40
"""How many first frames are made at the same time, sharing a statement or two: others want a turn too."""


RECONNECTS_PER_SECOND: Final = 250
"""Over so many seconds those who are sent away are spread that no more of them come back in one."""
LEAST_SPREAD_SECONDS: Final = 1
MOST_SPREAD_SECONDS: Final = 10


class Fanout(Protocol):
    """The way to the sockets of the same users on other replicas.  Never raises."""

    def publish(self, user_id: UserId, text: str) -> None:
        """Hand *text* to the other replicas; never waits; it may come late, twice, or never."""

    async def subscribe(self, user_id: UserId) -> None:
        """Returns once frames for *user_id* arrive here, or soon when that cannot be.

        Called for every new socket: repeating it is free.
        """

    def unsubscribe(self, user_id: UserId) -> None:
        """The last socket of *user_id* here is gone; never waits."""


class Hub:
    """The users' sockets on this replica; satisfies :class:`actors.ports.Notifier`."""

    def __init__(self, *, options: WebOptions, meter: WebMeter, fanout: Fanout) -> None:
        self._options = options
        self._meter = meter
        self._fanout = fanout
        self.greetings = Turns(MOST_GREETINGS)
        self._connections: dict[UserId, list[Connection]] = {}
        self._seats: Counter[str] = Counter()
        self._taken = 0
        self._is_closing = False

    def tell(self, user_id: UserId, news: News) -> None:
        """Send *news* to every socket of *user_id*, here and elsewhere; never waits, never raises."""
        text = frames.encode(news)
        self.deliver(user_id, text)
        self._fanout.publish(user_id, text)

    def deliver(self, user_id: UserId, text: str) -> None:
        """Send a frame to the sockets of *user_id* on this replica; never waits, never raises."""
        connections = self._connections.get(user_id)
        if connections:
            frame = text.encode()
            self._meter.pushed(sum([connection.push(frame) for connection in connections]))

    def renew(self, user_id: UserId, state: bytes) -> None:
        """Tell *user_id* here where they stand, even when that is what they were told some time ago."""
        connections = self._connections.get(user_id, ())
        self._meter.pushed(sum([connection.reply(state) for connection in connections]))

    @contextmanager
    def seat(self, address: str) -> Iterator[None]:
        """A place for one socket from *address*.  Raises ``TooManySockets``, and ``Stopping`` on the way out."""
        if self._is_closing:
            raise Stopping
        if self._taken >= self._options.max_sockets or self._seats[address] >= self._options.max_sockets_per_address:
            raise TooManySockets
        self._taken += 1
        self._seats[address] += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._seats[address] -= 1
            if not self._seats[address]:
                del self._seats[address]

    def sockets_from(self, address: str) -> int:
        """How many seats sockets from *address* hold."""
        return self._seats[address]

    def add(self, connection: Connection) -> None:
        """From now on *connection* gets what its user is told; the oldest of too many is closed."""
        connections = self._connections.setdefault(connection.user_id, [])
        connections.append(connection)
        if self._is_closing:
            connection.close(CloseCode.RESTART, _restarting(self._taken))
        elif len(connections) > self._options.max_sockets_per_user:
            connections.pop(0).close(CloseCode.REPLACED, "replaced by a newer socket")

    async def subscribed(self, user_id: UserId) -> None:
        """Returns once news from other replicas arrives, so that a snapshot read now leaves no gap."""
        await self._fanout.subscribe(user_id)

    def remove(self, connection: Connection) -> None:
        """*connection* is gone; harmless when it was removed before."""
        connections = self._connections.get(connection.user_id, [])
        if connection in connections:
            connections.remove(connection)
        if not connections and self._connections.pop(connection.user_id, None) is not None:
            self._fanout.unsubscribe(connection.user_id)

    async def close_all(self) -> None:
        """Send everyone away to reconnect (1012), each after another while; let nobody new in.

        Returns when they are gone.
        """
        self._is_closing = True
        everyone = [connection for connections in self._connections.values() for connection in connections]
        for connection in everyone:
            connection.close(CloseCode.RESTART, _restarting(len(everyone)))
        if everyone:
            leaving = [asyncio.create_task(connection.finish()) for connection in everyone]
            await asyncio.wait(leaving, timeout=GOODBYE_SECONDS)


def _restarting(sockets: int) -> str:
    """Why a socket is closed, and when its client should come back: a moment of its own among so many *sockets*."""
    spread = min(max(sockets / RECONNECTS_PER_SECOND, LEAST_SPREAD_SECONDS), MOST_SPREAD_SECONDS)
    return f"restarting; retry-after-ms={random.randint(0, round(1000 * spread))}"  # noqa: S311 - jitter, no secret
