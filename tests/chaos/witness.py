"""A sibling service that listens to our events, and writes down every one that it acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from tests.chaos.evidence import Delivery, Notebook

EXCHANGE: Final = "matching.events"
QUEUE: Final = "witness"
EVERYTHING: Final = "#"
AT_ONCE: Final = 200
"""Messages it has before it has acknowledged the first."""
REFUSALS: Final = 0.05
RETRY_SECONDS: Final = 0.3
CONNECT_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 5

FAILURES: Final = (*CONNECTION_EXCEPTIONS, TimeoutError)


class Witness:
    """Consumes a durable queue to which every event goes, as long as it is open, whatever the broker does."""

    def __init__(
        self, url: str, notebook: Notebook, *, seed: int, queue: str = QUEUE, refusals: float = REFUSALS
    ) -> None:
        """*refusals*: how often it gives a message back, so that it comes again."""
        self._url = url
        self._name = queue
        self._refusals = refusals
        self._notebook = notebook
        self._chance = random.Random(f"witness {seed}")
        self._keeper: asyncio.Task[None] | None = None
        self._queue: AbstractQueue | None = None
        self._lost = asyncio.Event()
        self.deliveries = 0
        """How many it has acknowledged."""

    @property
    def is_listening(self) -> bool:
        """Whether events arrive."""
        return self._queue is not None and not self._lost.is_set()

    async def open(self) -> None:
        """Begin to listen."""
        self._keeper = asyncio.create_task(self._listen_for_ever())

    async def close(self) -> None:
        """Stop; what was not acknowledged stays in the queue."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self._notebook.close()

    def begin_again(self) -> None:
        """Connect anew, and with that declare and bind everything again."""
        self._lost.set()

    async def is_done(self) -> bool:
        """Whether the queue is empty."""
        queue = self._queue
        if queue is None:
            return False
        with contextlib.suppress(*FAILURES):
            told = await queue.declare(timeout=CONNECT_SECONDS)
            return told.message_count == 0
        return False

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except FAILURES:
                pass
            except asyncio.CancelledError:
                if _is_being_cancelled():
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        self._lost = lost = asyncio.Event()
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await aio_pika.connect(self._url, heartbeat=HEARTBEAT_SECONDS, timeout=CONNECT_SECONDS)
        try:
            connection.close_callbacks.add(lambda *_: lost.set())
            async with asyncio.timeout(CONNECT_SECONDS):
                channel = await connection.channel()
                channel.close_callbacks.add(lambda *_: lost.set())
                await channel.set_qos(prefetch_count=AT_ONCE)
                _, queue = await declare(channel, self._name)
                await queue.consume(self._take)
            self._queue = queue
            await lost.wait()
        finally:
            self._queue = None
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await connection.close()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        try:
            if not message.redelivered and self._chance.random() < self._refusals:
                await message.reject(requeue=True)
                return
            await message.ack()
        except FAILURES:
            return  # it will come again
        self.deliveries += 1
        self._notebook.note(_delivery(message))


async def declare(channel: AbstractChannel, name: str = QUEUE) -> tuple[AbstractExchange, AbstractQueue]:
    """The exchange, and the queue to which everything goes."""
    queue = await channel.declare_queue(name, durable=True)
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    await queue.bind(exchange, EVERYTHING)
    return exchange, queue


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    return Delivery(
        at=time.time(),
        routing_key=message.routing_key or "",
        event_id=message.message_id or "",
        redelivered=bool(message.redelivered),
        body=json.loads(message.body),
    )


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
