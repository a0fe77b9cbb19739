"""Neighbours that misbehave on request."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import aio_pika
import aiohttp
import pytest
import stamina
from aio_pika.abc import AbstractChannel, AbstractQueue
from aiohttp import web

from messaging.link import EXCHANGE
from messaging.questions import QuestionService
from messaging.rabbitmq import RabbitPublisher
from tests.messaging.publishing import publishing
from tests.messaging.stubs import Clock, CountingMeter, Stub


@pytest.fixture
def meter() -> CountingMeter:
    return CountingMeter()


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    stub = Stub()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", stub.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stub
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def no_waiting_between_tries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(
    stub: Stub, http: aiohttp.ClientSession, meter: CountingMeter, clock: Clock
) -> AsyncIterator[QuestionService]:
    service = QuestionService(url=stub.url + "/", session=http, meter=meter, choice=random.Random(7), clock=clock)
    yield service
    await service.close()


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
