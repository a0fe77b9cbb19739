"""A sibling that listens to our events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from tests.e2e.waiting import PATIENCE_SECONDS, until

EXCHANGE = "matching.events"
QUEUE = "collaboration"


class Consumer:
    """What arrived, in the order in which it did."""

    def __init__(self) -> None:
        self.messages: list[AbstractIncomingMessage] = []

    def about(self, routing_key: str, **fields: object) -> list[AbstractIncomingMessage]:
        """The messages so far whose bodies have these *fields*."""
        return [
            message
            for message in self.messages
            if message.routing_key == routing_key and fields.items() <= content(message).items()
        ]

    async def event(
        self, routing_key: str, *, seconds: float = PATIENCE_SECONDS, **fields: object
    ) -> AbstractIncomingMessage:
        """The first such message, as soon as it is there."""
        found = await until(lambda: self.about(routing_key, **fields), seconds=seconds, what=f"{routing_key} {fields}")
        message: AbstractIncomingMessage = found[0]
        return message


def content(message: AbstractIncomingMessage) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(message.body)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}


@contextlib.asynccontextmanager
async def consuming(url: str) -> AsyncIterator[Consumer]:
    """A consumer of the durable queue, in which events wait while nobody consumes."""
    consumer = Consumer()

    async def take(message: AbstractIncomingMessage) -> None:
        await message.ack()
        consumer.messages.append(message)

    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(QUEUE, durable=True)
        await queue.bind(exchange, "#")
        await queue.consume(take)
        yield consumer
