"""The client of a cluster fails, recovers and follows keys as the adapters over it expect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.exceptions import RedisError

from domain.errors import StoreUnavailable
from domain.ids import UserId
from domain.request import Bucket, Difficulty, Waiting
from persistence.redis.client import Reach, connect
from persistence.redis.cluster import is_cluster, node_url
from persistence.redis.keys import FRAMES_CHANNEL, queue_key
from persistence.redis.lines import Client
from persistence.redis.queue import RedisQueue
from service import doctor
from tests.cluster.nodes import Node, Nodes
from tests.e2e.waiting import until
from tests.persistence.conftest import Failures
from tests.persistence.replicas import open_replica

ALICE = UserId("alice")
BUCKETS = [Bucket(Difficulty.EASY, f"Topic {number}") for number in range(20)]


@pytest.fixture
async def client(nodes: Nodes) -> AsyncIterator[Client]:
    client = connect(nodes.url)
    yield client
    await client.flushall()
    await client.aclose()


def owner(nodes: Nodes, key: str) -> tuple[Node, int]:
    """Who has *key*, and its slot."""
    slot = nodes.slot(key)
    return next(node for node in nodes.masters if nodes.has(node, slot)), slot


async def test_a_slice_that_has_moved_is_found(nodes: Nodes, client: Client) -> None:
    queue = RedisQueue(Reach(client, failed=lambda _: None))
    await queue.join(BUCKETS[0], [Waiting(ALICE, 1.0)], 10)
    await queue.remove(BUCKETS[0], [Waiting(ALICE, 1.0)])
    here, slot = owner(nodes, queue_key(BUCKETS[0]))
    there = next(node for node in nodes.masters if node is not here)
    nodes.give(slot, there)
    try:
        assert await queue.join(BUCKETS[0], [Waiting(ALICE, 2.0)], 10) == [Waiting(ALICE, 2.0)]
        assert queue_key(BUCKETS[0]) in nodes.keys()[nodes.masters.index(there)]
    finally:
        await client.flushall()
        nodes.give(slot, here)


async def test_more_commands_than_connections_wait_for_their_turn(nodes: Nodes) -> None:
    client = connect(nodes.url, connections=2)
    answers = await asyncio.gather(*(client.set(f"key {number}", number) for number in range(40)))
    assert answers == [True] * 40
    await client.flushall()
    await client.aclose()


async def test_without_any_node_the_store_is_away_and_comes_back(nodes: Nodes, client: Client) -> None:
    reach = Reach(client, failed=lambda _: None)
    queue = RedisQueue(reach)
    await queue.join(BUCKETS[0], [], 10)
    for node in nodes.masters:
        node.kill()
    try:
        with pytest.raises(StoreUnavailable):
            await queue.join(BUCKETS[0], [], 10)
        assert not await reach.is_up()
    finally:
        for node in nodes.masters:
            node.start()
        await asyncio.to_thread(nodes.wait_until_well)
    await until(reach.is_up)
    assert await queue.join(BUCKETS[0], [Waiting(ALICE, 1.0)], 10) == [Waiting(ALICE, 1.0)]


async def test_a_node_that_stands_still_is_away_and_holds_nobody_up(nodes: Nodes, client: Client) -> None:
    names = [f"key {number}" for number in range(60)]
    for name in names:
        await client.set(name, "x")
    with nodes.masters[1].standing_still():
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(client.get(name) for name in names), return_exceptions=True)
    late = [answer for answer in answers if answer != "x"]
    assert 0 < len(late) < len(names)
    assert all(isinstance(answer, RedisError | TimeoutError) for answer in late)
    await asyncio.to_thread(nodes.wait_until_well)
    await until(lambda: Reach(client, failed=lambda _: None).is_up())
    await client.flushall()


async def test_frames_come_through_again_after_the_node_that_one_listened_at_is_gone(nodes: Nodes) -> None:
    async with AsyncExitStack() as stack:
        here, other = [await open_replica(nodes.url, stack, Failures()) for _ in range(2)]
        await other.fanout.subscribe(ALICE)
        here.fanout.publish(ALICE, "before")
        await other.receives(ALICE, "before")
        before = len(other.caught_up)
        listened_at, _ = owner(nodes, FRAMES_CHANNEL)
        listened_at.kill()
        listened_at.start()
        await asyncio.to_thread(nodes.wait_until_well)
        await until(lambda: len(other.caught_up) > before)
        here.fanout.publish(ALICE, "after")
        await other.receives(ALICE, "after")


async def test_frames_reach_who_listens_where_the_channel_was_before_it_moved(nodes: Nodes) -> None:
    async with AsyncExitStack() as stack:
        other = await open_replica(nodes.url, stack, Failures())
        await other.fanout.subscribe(ALICE)
        before, slot = owner(nodes, FRAMES_CHANNEL)
        after = next(node for node in nodes.masters if node is not before)
        nodes.give(slot, after)
        try:
            here = await open_replica(nodes.url, stack, Failures())
            await here.fanout.subscribe(ALICE)
            here.fanout.publish(ALICE, "from afar")
            await other.receives(ALICE, "from afar")
        finally:
            nodes.give(slot, before)


@pytest.mark.parametrize(
    ("url", "node"),
    [
        ("redis+cluster://a:1/0", "redis://a:1/0"),
        ("rediss+cluster://:secret@a:1", "rediss://:secret@a:1"),
        ("redis://a:1/0", None),
        ("unix:///run/redis+cluster", None),
    ],
)
def test_the_scheme_says_whether_it_is_a_cluster(url: str, node: str | None) -> None:
    assert is_cluster(url) is (node is not None)
    assert node_url(url) == (node or url)


async def test_the_doctor_looks_at_the_cluster_behind_the_node(nodes: Nodes, redis_url: str) -> None:
    assert (await doctor._redis(nodes.url)).verdict is doctor.Verdict.OK
    alone = await doctor._redis(redis_url.replace("redis://", "redis+cluster://"))
    assert alone.verdict is doctor.Verdict.FAIL
    assert "cluster support disabled" in alone.text
