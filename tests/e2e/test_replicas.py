"""Two replicas are one service."""

from __future__ import annotations

import asyncio
import signal
from http import HTTPStatus

from aiohttp import WSServerHandshakeError

from tests.e2e.client import Crowd
from tests.e2e.conftest import Cluster
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until


async def test_partners_on_different_replicas_meet_confirm_and_part(crowd: Crowd, cluster: Cluster, topic: str) -> None:
    alice, bob = await crowd.connected("alice", cluster.one), await crowd.connected("bob", cluster.other)
    match_id = await meet(alice, bob, topic)
    (await alice.confirm(match_id)).expect(200)
    assert await bob.frame("partner_confirmed") == {"type": "partner_confirmed", "match_id": match_id}
    answer = (await bob.confirm(match_id)).expect(200)
    ready = await alice.frame("match_ready")
    assert (ready["session_id"], ready["question_id"]) == (answer["session_id"], answer["question_id"])
    assert (await alice.session(ready["session_id"])).expect(200) == (
        (await bob.session(ready["session_id"])).expect(200)
    )
    (await bob.leave(ready["session_id"])).expect(200)
    left = {"type": "partner_left", "session_id": ready["session_id"], "user_id": bob.user_id}
    assert await alice.frame("partner_left") == left
    assert [frame["type"] for frame in alice.tabs[0].frames] == ["state", "match_found", "match_ready", "partner_left"]


async def test_whoever_hears_of_a_time_out_may_sit_elsewhere(crowd: Crowd, cluster: Cluster, topic: str) -> None:
    alice = await crowd.connected("alice", cluster.other)
    bob = await crowd.connected("bob", cluster.one)
    (await alice.find(topic, at=cluster.one)).expect(201)
    (await bob.find(topic, at=cluster.one)).expect(201)
    match_id = (await alice.frame("match_found"))["match_id"]
    (await bob.confirm(match_id, yes=False, at=cluster.one)).expect(200)
    assert (await alice.frame("match_expired"))["requeued"] is True


async def test_a_user_known_to_one_replica_is_known_to_the_other(crowd: Crowd, cluster: Cluster, topic: str) -> None:
    alice = crowd.user("alice")
    request_id = (await alice.find(topic, at=cluster.one)).expect(201)["id"]
    again = (await alice.find(topic, at=cluster.other)).expect(200)
    assert (again["id"], again["already_queued"]) == (request_id, True)
    (await alice.call("DELETE", f"/request/{request_id}", at=cluster.other)).expect(200)
    status = await alice.call("GET", f"/requests/{request_id}/status", at=cluster.one)
    assert status.expect(200) == {"status": "cancelled"}


async def test_a_replica_that_stood_still_for_a_while_does_no_harm(crowd: Crowd, cluster: Cluster, topic: str) -> None:
    alice = await crowd.connected("alice", cluster.one)
    bob, carol = await crowd.connected("bob", cluster.other), await crowd.connected("carol", cluster.other)
    request_id = await waiting(alice, topic)
    cluster.one.send(signal.SIGSTOP)
    try:
        await waiting(bob, topic)
        old = (await bob.frame("match_found"))["match_id"]
        (await bob.decline(old)).expect(200)
        await waiting(carol, topic)
        new = await carol.frame("match_found")
        assert new["partner_id"] == alice.user_id
        (await carol.confirm(new["match_id"])).expect(200)
    finally:
        cluster.one.send(signal.SIGCONT)
    await alice.frame("partner_confirmed")
    assert [frame["match_id"] for frame in alice.tabs[0].of("match_found")] == [old, new["match_id"]]
    assert (await alice.request_status(request_id)).expect(200)["match_id"] == new["match_id"]
    session_id = (await alice.confirm(new["match_id"])).expect(200)["session_id"]
    assert (await carol.frame("match_ready"))["session_id"] == session_id
    assert await until(lambda: takes_newcomers(crowd, cluster.one)), "it is not late for long"


async def takes_newcomers(crowd: Crowd, replica: Replica) -> bool:
    """Whether it opens sockets; while it is late it sends those who come anew away."""
    try:
        await crowd.connected("newcomer", replica)
    except WSServerHandshakeError as error:
        if error.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return False
    return True


async def test_many_sessions_open_across_replicas_at_once(crowd: Crowd, cluster: Cluster, topic: str) -> None:
    async def pair(number: int) -> None:
        alice = await crowd.connected("alice", cluster.replicas[number % 2])
        bob = await crowd.connected("bob", cluster.replicas[(number + 1) % 2])
        ready = await enter(alice, bob, f"{topic} {number}")
        assert (await bob.active()).expect(200)["session_id"] == ready["session_id"]

    await asyncio.gather(*(pair(number) for number in range(30)))
