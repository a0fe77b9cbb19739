from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import aio_pika
import pytest

from domain.events import Outgoing
from domain.ids import EventId
from messaging.audience import QUEUE, seat_audience
from messaging.rabbitmq import RabbitPublisher
from service.embedded import Servers
from tests.messaging.stubs import CountingMeter

pytestmark = pytest.mark.rabbitmq

VHOST = "audience"


@pytest.fixture
async def empty_vhost(broker: Servers, rabbitmq_url: str) -> str:
    for order in (("add_vhost", VHOST), ("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")):
        await asyncio.to_thread(broker.rabbitmqctl, *order)
    return rabbitmq_url + VHOST


async def test_events_arrive_once_somebody_sits_there(empty_vhost: str, meter: CountingMeter) -> None:
    publisher = RabbitPublisher(url=empty_vhost, meter=meter)
    await publisher.open()
    event = Outgoing(EventId(str(uuid4())), "match.found", json.dumps({"n": 1}).encode())
    await publisher.reach()
    assert await publisher.publish([event]) == set()
    await seat_audience(empty_vhost)
    await seat_audience(empty_vhost)
    assert await publisher.publish([event]) == {event.event_id}
    await publisher.close()
    async with await aio_pika.connect(empty_vhost) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue(QUEUE)
        message = await queue.get(no_ack=True)
        assert message is not None
        assert message.body == event.body
