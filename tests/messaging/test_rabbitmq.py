"""The publisher against a real RabbitMQ, which is stopped, starved and cut off on the way."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
import yarl
from aio_pika.abc import AbstractChannel, AbstractQueue
from structlog.testing import capture_logs

from domain.errors import NeighbourUnavailable
from domain.events import Outgoing
from domain.ids import EventId
from messaging.link import EXCHANGE
from messaging.rabbitmq import RabbitPublisher, UnconfiguredPublisher
from service.embedded import Servers
from service.embedded.datadir import DataDir
from service.embedded.rabbitmq import control
from tests.messaging.stubs import CountingMeter, until

pytestmark = pytest.mark.rabbitmq

ALARM = "rabbit_alarm:{}_alarm({})."
MEMORY = "{resource_limit, memory, node()}"
DISK = "{resource_limit, disk, node()}"


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


async def set_alarm(broker: Servers, resource: str) -> None:
    await ctl(broker, "eval", ALARM.format("set", f"{{{resource}, []}}"))


async def clear_alarm(broker: Servers, resource: str) -> None:
    await ctl(broker, "eval", ALARM.format("clear", resource))


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


@pytest.fixture
async def publisher(rabbitmq_url: str, meter: CountingMeter) -> AsyncIterator[RabbitPublisher]:
    async with publishing(rabbitmq_url, meter) as publisher:
        await publisher.reach()
        yield publisher


@pytest.fixture
async def channel(rabbitmq_url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(rabbitmq_url)
    async with connection, connection.channel() as channel:
        yield channel


@pytest.fixture
async def queue(publisher: RabbitPublisher, channel: AbstractChannel) -> AsyncIterator[AbstractQueue]:
    """Hears everything, and outlives the broker's restarts."""
    assert publisher.connected
    queue = await channel.declare_queue(f"test-{uuid4()}", durable=True)
    await queue.bind(EXCHANGE, "#")
    yield queue
    with contextlib.suppress(Exception):  # a test may have taken the channel with it
        await queue.delete(if_unused=False, if_empty=False)


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


async def test_a_broker_that_stops_and_comes_back_gets_every_event(
    broker: Servers, publisher: RabbitPublisher, queue: AbstractQueue
) -> None:
    name = queue.name
    await ctl(broker, "stop_app")
    try:
        await until(lambda: not publisher.connected)
        with pytest.raises(NeighbourUnavailable, match="not connected"):
            await publisher.publish(events(1))
    finally:
        await ctl(broker, "start_app")

    many = events(300)
    await publish_all(publisher, many)
    async with await aio_pika.connect(broker.urls.rabbitmq_url) as connection:
        again = await (await connection.channel()).get_queue(name)
        assert await heard(again, 300) == [event.event_id for event in many]
        await again.delete()


async def test_connections_killed_on_the_way_lose_no_event(
    broker: Servers, publisher: RabbitPublisher, queue: AbstractQueue
) -> None:
    name = queue.name
    many = events(3000)
    publishing_all = asyncio.create_task(publish_all(publisher, many))
    while not publishing_all.done():
        await ctl(broker, "close_all_connections", "test")
        await asyncio.wait({publishing_all}, timeout=0.2)
    await publishing_all

    async with await aio_pika.connect(broker.urls.rabbitmq_url) as connection:
        again = await (await connection.channel()).get_queue(name)
        delivered = again.declaration_result.message_count or 0
        assert set(await heard(again, delivered)) == ids(many)
        await again.delete()


@pytest.mark.parametrize("resource", [MEMORY, DISK])
async def test_under_an_alarm_publishing_fails_at_once_after_the_first_and_recovers_with_the_broker(
    broker: Servers, rabbitmq_url: str, meter: CountingMeter, queue: AbstractQueue, resource: str
) -> None:
    assert queue.name
    async with publishing(rabbitmq_url, meter, publish_seconds=0.5) as publisher:
        await publisher.reach()
        await set_alarm(broker, resource)
        try:
            with pytest.raises(NeighbourUnavailable, match="did not confirm"):
                await publisher.publish(events(10))
            assert not publisher.connected
            async with asyncio.timeout(0.1):
                with pytest.raises(NeighbourUnavailable, match="alarm"):
                    await publisher.reach()
                with pytest.raises(NeighbourUnavailable, match="alarm"):
                    await publisher.publish(events(10))
        finally:
            await clear_alarm(broker, resource)

        async with asyncio.timeout(5):
            await publish_all(publisher, events(10))
        await until(lambda: publisher.connected)


async def test_a_broker_that_never_answers_is_given_up(meter: CountingMeter) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        async with publishing(f"amqp://guest:guest@127.0.0.1:{port}/", meter) as publisher:
            with pytest.raises(NeighbourUnavailable):
                await publisher.reach()
            assert not publisher.connected


class Wire:
    """A cable to the broker that can be cut without anybody being told."""

    def __init__(self, target: yarl.URL) -> None:
        self._target = target
        self.is_cut = False

    async def plug(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        finally:
            back.close()
            writer.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await source.read(65536):
                if not self.is_cut:
                    sink.write(piece)
        sink.close()


async def test_a_connection_that_goes_silent_is_replaced(
    rabbitmq_url: str, meter: CountingMeter, queue: AbstractQueue
) -> None:
    url = yarl.URL(rabbitmq_url)
    wire = Wire(url)
    server = await asyncio.start_server(wire.plug, "127.0.0.1", 0)
    async with server:
        through = str(url.with_port(server.sockets[0].getsockname()[1]))
        async with publishing(through, meter, publish_seconds=0.5) as publisher:
            many = events(20)
            await publish_all(publisher, many[:10])
            wire.is_cut = True
            with pytest.raises(NeighbourUnavailable, match="did not confirm"):
                await publisher.publish(many[10:])
            wire.is_cut = False
            await publish_all(publisher, many[10:])

    assert await heard(queue, 20) == [event.event_id for event in many]


async def test_a_wrong_password_is_explained_without_being_told(rabbitmq_url: str, meter: CountingMeter) -> None:
    wrong = rabbitmq_url.replace("guest:guest", "guest:hunter2")
    with capture_logs() as logs:
        async with publishing(wrong, meter):
            await until(lambda: meter.failed["rabbitmq"] >= 2)

    assert actions(logs) == ["connect"]
    assert "hunter2" not in str(logs)


async def test_without_a_broker_connecting_is_tried_ever_less_often(meter: CountingMeter) -> None:
    async with publishing("amqp://guest:guest@127.0.0.1:9/", meter) as publisher:
        with pytest.raises(NeighbourUnavailable):
            await publisher.reach()
        assert meter.failed["rabbitmq"] <= 6


async def test_an_unconfigured_publisher_keeps_events_where_they_are() -> None:
    publisher = UnconfiguredPublisher()
    await publisher.open()

    with pytest.raises(NeighbourUnavailable, match="RABBITMQ_URL"):
        await publisher.reach()
    with pytest.raises(NeighbourUnavailable, match="RABBITMQ_URL"):
        await publisher.publish(events(1))

    assert not publisher.connected
    await publisher.close()
