"""RabbitMQ goes away and comes back: nobody waits for it, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.embedded import Servers
from tests.e2e.client import Crowd
from tests.e2e.conftest import Cluster, Spawn
from tests.e2e.consumer import consuming
from tests.e2e.scenes import enter
from tests.e2e.waiting import until

pytestmark = pytest.mark.rabbitmq
BACK_SECONDS = 20.0


@contextlib.asynccontextmanager
async def without_broker(broker: Servers, crowd: Crowd) -> AsyncIterator[None]:
    """The broker is stopped, and comes back; until the replicas have noticed."""
    await asyncio.to_thread(broker.rabbitmqctl, "stop_app")
    try:
        await until(lambda: _is(crowd, "away"))
        yield
    finally:
        await asyncio.to_thread(broker.rabbitmqctl, "start_app")
    await until(lambda: _is(crowd, "ok"), seconds=BACK_SECONDS)


async def _is(crowd: Crowd, state: str) -> bool:
    answers = [await replica.readiness() for replica in crowd.replicas]
    assert {status for status, _ in answers} == {200}, "a broker that is away is no reason to stop traffic"
    return all(ready["dependencies"]["rabbitmq"] == state for _, ready in answers)


async def test_events_wait_for_the_broker_and_arrive_oldest_first(
    crowd: Crowd, topic: str, broker: Servers, amqp_url: str, sql: asyncpg.Connection
) -> None:
    sessions = []
    async with without_broker(broker, crowd):
        for number in range(5):
            alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
            sessions.append((await enter(alice, bob, f"{topic} {number}"))["session_id"])
            (await alice.leave(sessions[-1])).expect(200)
    async with consuming(amqp_url) as consumer:
        for session_id in sessions:
            await consumer.event("session.left", session_id=session_id, seconds=BACK_SECONDS)
        came = [message for message in consumer.messages if any(one.encode() in message.body for one in sessions)]
        promised = await sql.fetch("SELECT event_id FROM outbox ORDER BY id DESC LIMIT 10")
        expected = [str(row["event_id"]) for row in reversed(promised)]
        assert list(dict.fromkeys(message.message_id for message in came)) == expected


async def test_an_event_outlives_the_replica_that_promised_it(
    crowd: Crowd, cluster: Cluster, spawn: Spawn, topic: str, broker: Servers, amqp_url: str
) -> None:
    mortal = await spawn(DATABASE_URL=cluster.environment["DATABASE_URL"])
    async with Crowd(mortal) as friends:
        async with without_broker(broker, crowd):
            alice, bob = await friends.connected("alice"), await friends.connected("bob")
            session_id = (await enter(alice, bob, topic))["session_id"]
            await mortal.kill()
        async with consuming(amqp_url) as consumer:
            message = await consumer.event("match.found", session_id=session_id, seconds=BACK_SECONDS)
            assert {one.message_id for one in consumer.about("match.found", session_id=session_id)} == {
                message.message_id
            }
