"""What can happen to the broker."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Final

import aio_pika
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelPreconditionFailed

from tests.chaos.faults.row import fault
from tests.chaos.witness import EVERYTHING, EXCHANGE, declare
from tests.e2e.waiting import until

if TYPE_CHECKING:
    from tests.chaos.town import Town

RABBITMQ: Final = "rabbitmq"
USUAL_WATERMARK: Final = "0.4"
USUAL_DISK_LIMIT: Final = "50MB"


@fault("rabbitmq-stopped", "F25", "the broker serves nobody", RABBITMQ, seconds=(2, 6))
async def stop_app(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.rabbitmqctl("stop_app")
    yield
    await town.rabbitmqctl("start_app")
    await town.until_answers(RABBITMQ)


@fault("rabbitmq-kill", "F26", "the broker dies at once", RABBITMQ, seconds=(0, 4))
async def kill(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.order("kill", RABBITMQ)
    yield
    await town.start_again(RABBITMQ)


@fault("rabbitmq-memory", "F27", "the broker takes nothing for want of memory", RABBITMQ, seconds=(3, 7))
async def alarm_of_memory(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.rabbitmqctl("set_vm_memory_high_watermark", "0.0001")
    yield
    await town.rabbitmqctl("set_vm_memory_high_watermark", USUAL_WATERMARK)
    await town.until_answers(RABBITMQ)


@fault("rabbitmq-disk", "F28", "the broker takes nothing for want of disk", RABBITMQ, seconds=(3, 7))
async def alarm_of_disk(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await town.rabbitmqctl("set_disk_free_limit", "1000000GB")
    yield
    await town.rabbitmqctl("set_disk_free_limit", USUAL_DISK_LIMIT)
    await town.until_answers(RABBITMQ)


@fault("exchange-missing", "F29", "the exchange is deleted", RABBITMQ, seconds=(1, 4))
async def delete_exchange(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with _channel(town) as channel:
        await channel.exchange_delete(EXCHANGE)
    yield
    await _restore(town)


@fault("exchange-of-another-type", "F29", "the exchange is of another type", RABBITMQ, seconds=(2, 5))
async def replace_exchange(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await until(lambda: _replace_with_fanout(town), what="the exchange is a fanout")
    yield
    async with _channel(town) as channel:
        await channel.exchange_delete(EXCHANGE)
    await _restore(town)


@fault("queue-unbound", "F29", "no queue is bound for events", RABBITMQ, seconds=(2, 5))
async def unbind(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async with _channel(town) as channel:
        exchange, queue = await declare(channel)
        await queue.unbind(exchange, EVERYTHING)
    yield
    await _restore(town)


@contextlib.asynccontextmanager
async def _channel(town: Town) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(town.servers.urls.rabbitmq_url, timeout=10) as connection:
        yield await connection.channel()


async def _replace_with_fanout(town: Town) -> bool:
    """Whether it worked: a replica may have been quicker to declare what was deleted."""
    async with _channel(town) as channel:
        await channel.exchange_delete(EXCHANGE)
        try:
            await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.FANOUT, durable=True)
        except ChannelPreconditionFailed:
            return False
    return True


async def _restore(town: Town) -> None:
    """Everything declared and bound as it was."""
    town.witness.begin_again()
    await town.until_answers(RABBITMQ)
