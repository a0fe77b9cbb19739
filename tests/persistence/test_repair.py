"""After a FLUSHALL everything that is needed comes back from PostgreSQL: real stores, real actors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from actors.bucket import BucketActor, Door
from actors.buckets import Buckets
from actors.janitor import Janitor
from actors.messages import SupervisorMessage, SweepTimeElapsed
from actors.runtime import Actor, Address
from actors.slice import Slice
from actors.system import System
from domain.request import Bucket
from persistence.postgres.database import Database
from persistence.redis.client import connect
from persistence.redis.keys import queue_key
from tests.builders import BUCKET, OTHER_BUCKET, new_users
from tests.contracts.real_world import make_replica
from tests.contracts.stories import enqueued
from tests.contracts.world import Replica
from tests.fakes.neighbours import FakeMeter, FakeNotifier, FakeQuestions
from tests.fakes.store import SEARCH_SECONDS


class Deaf(Actor[SupervisorMessage]):
    """A supervisor who listens to nobody."""

    async def receive(self, message: SupervisorMessage) -> object:
        return None


@pytest.fixture
async def here(database: Database, redis_url: str) -> AsyncIterator[Replica]:
    async with AsyncExitStack() as stack:
        client = connect(redis_url)
        stack.push_async_callback(client.aclose)
        yield make_replica(database, client)


async def test_whoever_waits_is_back_in_the_index_and_paired(here: Replica, database: Database, redis_url: str) -> None:
    users, alone = new_users(10), new_users(1)
    await enqueued(here, users)
    await enqueued(here, alone, OTHER_BUCKET)
    await database.fetch("UPDATE match_requests SET expires_at = expires_at - interval '2 seconds'")
    meter = FakeMeter()
    system = System(meter=meter)
    supervisor = system.spawn(Deaf, mailbox_limit=100)
    buckets = Buckets(system=system, make=maker(here, meter, supervisor), most=10, mailbox_limit=100)
    janitor = system.spawn(
        lambda: Janitor(
            recovery=here.recovery,
            queue=here.queue,
            meter=meter,
            buckets=buckets,
            supervisor=supervisor,
            sweep_seconds=3600,
        ),
        mailbox_limit=10,
    )
    async with Redis.from_url(redis_url, decode_responses=True) as redis, asyncio.timeout(10):
        while meter.counts["matched"] < 5:  # noqa: ASYNC110 - real stores take their time
            await asyncio.sleep(0.005)
        while await redis.zrange(queue_key(OTHER_BUCKET), 0, -1) != alone:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await redis.flushall()
        janitor.tell(SweepTimeElapsed())
        while await redis.zrange(queue_key(OTHER_BUCKET), 0, -1) != alone:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert await redis.zrange(queue_key(BUCKET), 0, -1) == []
    await system.stop()


def maker(
    here: Replica, meter: FakeMeter, supervisor: Address[SupervisorMessage]
) -> Callable[[Bucket, Door], BucketActor]:
    return lambda bucket, door: BucketActor(
        bucket,
        requests=here.requests,
        queue=Slice(
            bucket, requests=here.requests, proposals=here.proposals, queue=here.queue, questions=FakeQuestions()
        ),
        notifier=FakeNotifier(),
        meter=meter,
        supervisor=supervisor,
        door=door,
        search_seconds=SEARCH_SECONDS,
        idle_seconds=300,
    )
