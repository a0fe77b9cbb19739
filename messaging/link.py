"""One connection to the broker, from connecting to closing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

EXCHANGE: Final = "matching.events"
HEARTBEAT_SECONDS: Final = 5
"""The client gives a silent connection up after three of them and a bit: 18 s."""
CONNECT_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0

FAILURES: Final = (*CONNECTION_EXCEPTIONS, TimeoutError)
"""What the client raises for a broker that is away, refuses, or closes."""


@dataclass(slots=True)
class Link:
    """A connection on which the exchange has been declared."""

    connection: AbstractConnection
    exchange: AbstractExchange
    publish: Callable[..., Awaitable[object]]
    """``basic_publish`` of the channel below aio_pika's exchange, which need not wait until its message is written."""
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is of no more use."""
    blocked: bool = False
    """Whether the broker was last seen to take nothing, for want of memory or disk."""

    def on_close(self, *_: object) -> None:
        """Be told that the broker closed the connection or the channel."""
        self.lost.set()

    async def look(self) -> bool:
        """Whether the broker takes messages at the moment; ``blocked`` is the opposite from then on."""
        transport = self.connection.transport
        self.blocked = False
        try:
            async with asyncio.timeout(0):
                if transport is not None:
                    await transport.ready()
        except TimeoutError:
            self.blocked = True
        return not self.blocked


@contextlib.asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    """A link to the broker at *url*, closed at the end.  Raises one of :data:`FAILURES`."""
    async with asyncio.timeout(CONNECT_SECONDS):
        connection = await aio_pika.connect(
            url,
            heartbeat=HEARTBEAT_SECONDS,
            timeout=CONNECT_SECONDS,
            client_properties={"connection_name": "matching-service"},
        )
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            link = await _declare(connection)
        yield link
    finally:
        # A broker that is gone, or blocked, does not answer the farewell.
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(CLOSE_SECONDS):
                await connection.close()


async def _declare(connection: AbstractConnection) -> Link:
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    link = Link(connection, exchange, (await channel.get_underlay_channel()).basic_publish)
    connection.close_callbacks.add(link.on_close)
    channel.close_callbacks.add(link.on_close)
    return link
