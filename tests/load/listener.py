"""The broker's other end: counts what the service has published."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Final

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from messaging.link import EXCHANGE
from tests.load.report import Events

SETTLE_SECONDS: Final = 10.0
"""How long events may come after the last match."""


class Listener:
    """Counts ``match.found`` events and the matches they are about."""

    def __init__(self) -> None:
        self.received = 0
        self._matches: set[str] = set()
        self._expected = 0
        self._all_came = asyncio.Event()

    async def take(self, message: AbstractIncomingMessage) -> None:
        """Count one; it needs no acknowledgement."""
        self.received += 1
        self._matches.add(json.loads(message.body)["match_id"])
        if self.received == self._expected:
            self._all_came.set()

    async def settle(self, expected: int) -> Events:
        """Wait until there are as many as expected, or for a while."""
        self._expected = expected
        if self.received < expected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_came.wait(), SETTLE_SECONDS)
        return Events(received=self.received, matches=len(self._matches), expected=expected)


@contextlib.asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    """A listener with a queue of its own, bound before anything is published."""
    listener = Listener()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "match.found")
        await queue.consume(listener.take, no_ack=True)
        yield listener
