"""The publisher against a real RabbitMQ: what arrives, and what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractQueue
from structlog.testing import capture_logs

from domain.errors import NeighbourUnavailable
from messaging.link import EXCHANGE
from messaging.rabbitmq import RabbitPublisher, UnconfiguredPublisher
from tests.messaging.publishing import actions, events, heard, ids, publishing
from tests.messaging.stubs import CountingMeter, until

pytestmark = pytest.mark.rabbitmq


async def test_a_consumer_finds_every_property_on_the_wire(publisher: RabbitPublisher, queue: AbstractQueue) -> None:
    (event,) = events(1, "session.left")

    assert set(await publisher.publish([event])) == {event.event_id}

    message = await queue.get(no_ack=True)
    assert message.body == event.body
    assert message.exchange == EXCHANGE
    assert message.routing_key == "session.left"
    assert message.message_id == event.event_id
    assert message.content_type == "application/json"
    assert message.delivery_mode is aio_pika.DeliveryMode.PERSISTENT
    assert message.type == "session.left"
    assert message.timestamp is not None
    assert abs(datetime.now(UTC) - message.timestamp) < timedelta(seconds=30)


async def test_many_events_arrive_in_their_order(publisher: RabbitPublisher, queue: AbstractQueue) -> None:
    many = events(250)

    assert set(await publisher.publish(many)) == ids(many)

    assert await heard(queue, 250) == [event.event_id for event in many]


async def test_nothing_to_publish_is_nothing_published(publisher: RabbitPublisher) -> None:
    assert not await publisher.publish([])


async def test_without_a_queue_nothing_has_arrived_and_it_is_said_once(
    publisher: RabbitPublisher, meter: CountingMeter
) -> None:
    with capture_logs() as logs:
        assert not await publisher.publish(events(3))
        assert not await publisher.publish(events(2))

    assert meter.returned == 5
    assert actions(logs) == ["unroutable"]


async def test_of_a_mixed_window_the_routed_ones_have_arrived(
    publisher: RabbitPublisher, channel: AbstractChannel
) -> None:
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(EXCHANGE, "match.found")
    found, left = events(3), events(3, "session.left")

    assert set(await publisher.publish([*left[:1], *found, *left[1:]])) == ids(found)


async def test_events_a_full_queue_refuses_have_not_arrived(
    publisher: RabbitPublisher, channel: AbstractChannel, meter: CountingMeter
) -> None:
    full: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = await channel.declare_queue(exclusive=True, arguments=full)
    await queue.bind(EXCHANGE, "#")

    assert len(await publisher.publish(events(10))) < 10

    assert meter.failed["rabbitmq"] >= 1
    assert publisher.connected


async def test_an_exchange_that_was_deleted_comes_back(publisher: RabbitPublisher, channel: AbstractChannel) -> None:
    exchange = await channel.get_exchange(EXCHANGE)
    await exchange.delete()

    with pytest.raises(NeighbourUnavailable):
        await publisher.publish(events(5))

    await publisher.reach()
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(EXCHANGE, "#")
    assert len(await publisher.publish(events(5))) == 5


async def test_an_exchange_of_another_type_is_named_once_and_replaced_once_it_is_gone(
    rabbitmq_url: str, channel: AbstractChannel, meter: CountingMeter
) -> None:
    await (await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)).delete()
    wrong = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.FANOUT)

    with capture_logs() as logs:
        async with publishing(rabbitmq_url, meter) as publisher:
            await until(lambda: meter.failed["rabbitmq"] >= 2)
            with pytest.raises(NeighbourUnavailable, match="not connected"):
                await publisher.publish(events(1))
            assert actions(logs) == ["declare"]

            await wrong.delete()
            await until(lambda: publisher.connected)


async def test_an_unconfigured_publisher_keeps_events_where_they_are() -> None:
    publisher = UnconfiguredPublisher()
    await publisher.open()

    with pytest.raises(NeighbourUnavailable, match="RABBITMQ_URL"):
        await publisher.reach()
    with pytest.raises(NeighbourUnavailable, match="RABBITMQ_URL"):
        await publisher.publish(events(1))

    assert not publisher.connected
    await publisher.close()
