"""Three replicas on hosts of their own: one is cut off for a while, and nobody is lost or matched twice."""

from __future__ import annotations

import asyncio
from itertools import combinations
from typing import Any

import pytest

from tests.e2e.client import Client
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until
from tests.partition.conftest import Host, Town

pytestmark = [pytest.mark.chaos, pytest.mark.rabbitmq, pytest.mark.timeout(120)]

NOTICED = {"store_failed", "fanout_failed"}
"""What a replica says that reaches no store."""

TWICE = """
SELECT user_id FROM match_requests WHERE status IN ('pending', 'matched', 'confirmed')
GROUP BY user_id HAVING count(*) > 1
UNION ALL
SELECT user_id FROM matches, unnest(ARRAY[user1_id, user2_id]) AS user_id
WHERE status IN ('proposed', 'confirmed', 'ready')
GROUP BY user_id HAVING count(*) > 1
"""


async def people(town: Town, one: Host, other: Host) -> tuple[Client, Client]:
    """Two with open sockets, each on a host."""
    return await town.crowd.connected("alice", one), await town.crowd.connected("bob", other)


async def sessions(town: Town, hosts: tuple[Host, ...], topic: str) -> list[str]:
    """A session for every two of *hosts*, its users sitting on one each."""

    async def session(number: int, one: Host, other: Host) -> str:
        ready = await enter(*await people(town, one, other), f"{topic} {number}")
        return str(ready["session_id"])

    pairs = enumerate(combinations(hosts, 2))
    return list(await asyncio.gather(*(session(number, *pair) for number, pair in pairs)))


def says(host: Host, actions: set[str]) -> Any:
    return actions <= {line.get("action") for line in host.said()}


async def test_a_replica_that_is_cut_off_loses_nobody_and_comes_back(town: Town) -> None:
    first, second, third = town.hosts
    opened = await sessions(town, town.hosts, "Before")

    # Carol waits, and Dave is half through a match, on the host that is about to be cut off.
    carol, dave = await town.crowd.connected("carol", third), await town.crowd.connected("dave", third)
    await waiting(carol, "Carol")
    erin = await town.crowd.connected("erin", first)
    half = await meet(dave, erin, "Dave")
    with town.network.without(third.namespace):
        frank = await town.crowd.connected("frank", second)
        await waiting(frank, "Carol")
        found = await frank.frame("match_found")
        assert found["partner_id"] == carol.user_id
        (await frank.confirm(found["match_id"])).expect(200)
        (await erin.confirm(half)).expect(200)
        opened += await sessions(town, (first, second), "Meanwhile")
        await until(lambda: says(third, NOTICED), seconds=30)

    await until(third.is_ready, seconds=30)
    assert third.process.returncode is None
    for user, match_id in ((carol, found["match_id"]), (dave, half)):
        state = await user.reload(third)
        assert state["match"]["match_id"] == match_id
        opened.append((await user.confirm(match_id)).expect(200)["session_id"])
    for partner in (frank, erin):
        assert (await partner.frame("match_ready"))["session_id"] in opened
    opened += await sessions(town, town.hosts, "After")

    assert len(set(opened)) == len(opened)
    assert await town.sql.fetch(TWICE) == []
    for session_id in opened:
        await town.consumer.event("match.found", session_id=session_id)
    rows = await town.sql.fetch("SELECT session_id FROM matches WHERE status = 'ready'")
    assert {str(session_id) for (session_id,) in rows} == set(opened)
    events = {message.message_id for message in town.consumer.messages}
    assert len(events) == len(opened)
