"""Two replicas over a Redis Cluster of three masters: slices, sessions and frames lie wherever their names say."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from tests.cluster.nodes import Nodes
from tests.e2e.client import Client, Crowd
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e


async def a_pair(crowd: Crowd) -> tuple[Client, Client]:
    """Two with open sockets, each on a replica of their own."""
    one, other = crowd.replicas
    return await crowd.connected("alice", one), await crowd.connected("bob", other)


async def test_pairs_of_many_buckets_meet_and_their_keys_lie_on_every_master(crowd: Crowd, nodes: Nodes) -> None:
    async def pair(number: int) -> str:
        alice, bob = await a_pair(crowd)
        ready = await enter(alice, bob, f"Topic {number}")
        seen = (await bob.session(ready["session_id"])).expect(200)
        assert (seen["users"], seen["code"]) == ([alice.user_id, bob.user_id], "")
        return str(ready["session_id"])

    async def wait(number: int) -> None:
        await waiting(crowd.user("carol"), f"Lonely {number}")

    sessions = await asyncio.gather(*map(pair, range(30)))
    await asyncio.gather(*map(wait, range(30)))
    kept = [set(keys) for keys in nodes.keys()]  # noqa: SIM118  these are no dictionary
    assert {f"session:{session}" for session in sessions} <= set().union(*kept)
    for prefix in ("session:", "queue:"):
        assert all(any(key.startswith(prefix) for key in keys) for keys in kept), f"some master has no {prefix} key"


async def test_while_a_master_is_gone_pairs_meet_and_no_session_is_lost(crowd: Crowd, nodes: Nodes) -> None:
    lost = nodes.masters[1]
    lost.kill()
    try:
        pairs = [await a_pair(crowd) for _ in range(6)]
        for number, (alice, bob) in enumerate(pairs):
            match_id = await meet(alice, bob, f"Gone {number}")
            for user in (alice, bob):  # the session waits if its place is on the master that is gone
                assert (await user.confirm(match_id)).status in {200, 202}
    finally:
        lost.start()
    await asyncio.to_thread(nodes.wait_until_well)
    for users in pairs:
        ready, again = [await user.frame("match_ready") for user in users]
        assert ready["session_id"] == again["session_id"]
        assert (await users[0].session(ready["session_id"])).expect(200)["users"] == [user.user_id for user in users]


async def test_a_master_that_has_come_back_is_used_again(crowd: Crowd, nodes: Nodes) -> None:
    lost = nodes.masters[2]
    lost.kill()
    lost.start()
    await asyncio.to_thread(nodes.wait_until_well)
    topics = (f"Back {number}" for number in count(1))

    async def is_used() -> bool:
        await waiting(crowd.user("dave"), next(topics))
        return bool(nodes.keys()[2])

    await until(is_used)
