"""Events, and what becomes of them at a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, MutableMapping, Sequence
from typing import Any
from uuid import uuid4

from aio_pika.abc import AbstractQueue

from domain.errors import NeighbourUnavailable
from domain.events import Outgoing
from domain.ids import EventId
from messaging.rabbitmq import RabbitPublisher
from service.embedded import Servers
from service.embedded.datadir import DataDir
from service.embedded.rabbitmq import control
from tests.messaging.stubs import CountingMeter


def events(count: int, routing_key: str = "match.found") -> Sequence[Outgoing]:
    return [Outgoing(EventId(str(uuid4())), routing_key, json.dumps({"n": n}).encode()) for n in range(count)]


def ids(published: Sequence[Outgoing]) -> set[EventId]:
    return {event.event_id for event in published}


def actions(logs: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [line["action"] for line in logs]


async def ctl(broker: Servers, *arguments: str) -> str:
    data = DataDir(broker.data.path)
    data.open()  # the ports were claimed by the servers' own process
    return await asyncio.to_thread(control, data, *arguments)


@contextlib.asynccontextmanager
async def publishing(url: str, meter: CountingMeter, **options: float) -> AsyncIterator[RabbitPublisher]:
    publisher = RabbitPublisher(url=url, meter=meter, **options)  # type: ignore[arg-type]  # seconds are floats
    await publisher.open()
    try:
        yield publisher
    finally:
        await publisher.close()


async def publish_all(publisher: RabbitPublisher, some: Sequence[Outgoing]) -> None:
    """As the relay does: again and again until all have arrived."""
    left = list(some)
    async with asyncio.timeout(30):
        while left:
            with contextlib.suppress(NeighbourUnavailable):
                await publisher.reach()
                arrived = await publisher.publish(left)
                left = [event for event in left if event.event_id not in arrived]


async def heard(queue: AbstractQueue, count: int) -> list[str | None]:
    """The ids of the first *count* messages."""
    names: list[str | None] = []
    async with asyncio.timeout(10), queue.iterator() as messages:
        async for message in messages:
            await message.ack()
            names.append(message.message_id)
            if len(names) == count:
                break
    return names
