"""The publisher while its RabbitMQ is stopped, starved and cut off."""

from __future__ import annotations

import asyncio
import contextlib

import aio_pika
import pytest
import yarl
from aio_pika.abc import AbstractQueue
from structlog.testing import capture_logs

from domain.errors import NeighbourUnavailable
from messaging.rabbitmq import RabbitPublisher
from service.embedded import Servers
from tests.messaging.publishing import actions, ctl, events, heard, ids, publish_all, publishing
from tests.messaging.stubs import CountingMeter, until

pytestmark = pytest.mark.rabbitmq

ALARM = "rabbit_alarm:{}_alarm({})."
MEMORY = "{resource_limit, memory, node()}"
DISK = "{resource_limit, disk, node()}"


async def set_alarm(broker: Servers, resource: str) -> None:
    await ctl(broker, "eval", ALARM.format("set", f"{{{resource}, []}}"))


async def clear_alarm(broker: Servers, resource: str) -> None:
    await ctl(broker, "eval", ALARM.format("clear", resource))


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
