"""Every way in which a request or a match ends without a session, told to both and repeatable."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.client import BASE, Client, Crowd
from tests.e2e.conftest import Cluster, Redis
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until


async def live(user: Client) -> dict[str, Any]:
    """What ``state`` says on a new socket."""
    await user.connect()
    return await user.frame("state")


async def both(crowd: Crowd) -> tuple[Client, Client]:
    return await crowd.connected("alice"), await crowd.connected("bob")


async def test_declining_ends_the_match_and_the_partner_waits_at_the_old_place(
    crowd: Crowd, topic: str, index: Redis
) -> None:
    alice, bob = await both(crowd)
    asked = (await alice.find(topic)).expect(201)
    place = await index.zscore(f"queue:easy:{topic}", alice.user_id)
    declined = await waiting(bob, topic)
    match_id = (await bob.frame("match_found"))["match_id"]
    answer = {"status": "cancelled", "requeued_partner": True, "match_id": match_id}
    assert (await bob.decline(match_id)).expect(200) == answer
    ended = {"type": "match_expired", "match_id": match_id, "reason": "declined"}
    assert await alice.frame("match_expired") == ended | {"requeued": True, "request_id": asked["id"]}
    assert await bob.frame("match_expired") == ended | {"requeued": False, "request_id": declined}
    assert (await bob.decline(match_id)).expect(200) == answer
    assert (await alice.request_status(asked["id"])).expect(200)["status"] == "pending"
    assert (await bob.request_status(declined)).expect(200) == {"status": "cancelled"}
    assert await index.zrange(f"queue:easy:{topic}", 0, -1, withscores=True) == [(alice.user_id, place)]
    request = (await live(alice))["request"]
    assert (request["id"], request["created_at"]) == (asked["id"], asked["created_at"])
    assert request["expires_at"] > asked["expires_at"]


async def test_a_closed_match_is_404_to_who_looks_and_409_to_who_answers(crowd: Crowd, topic: str) -> None:
    alice, bob = await both(crowd)
    match_id = await meet(alice, bob, topic)
    (await bob.decline(match_id)).expect(200)
    for user in (alice, bob):
        problem = (await user.match_status(match_id)).expect(404)
        assert (problem["code"], problem["reason"], problem["status"]) == ("match_closed", "declined", 404)
        problem = (await user.confirm(match_id)).expect(409)
        assert (problem["code"], problem["reason"], problem["match_id"]) == ("match_closed", "declined", match_id)
    assert (await alice.decline(match_id)).expect(409)["reason"] == "declined"


async def is_gone(index: Redis, key: str) -> bool:
    """The index is tidied up a moment after everybody has been told."""
    return not await index.exists(key)


async def test_nobody_came_in_time(hasty_crowd: Crowd, topic: str, index: Redis) -> None:
    alice = await hasty_crowd.connected("alice")
    request_id = await waiting(alice, topic)
    assert await alice.frame("request_timeout") == {"type": "request_timeout", "request_id": request_id}
    assert (await alice.request_status(request_id)).expect(200) == {"status": "timeout"}
    problem = (await alice.cancel(request_id)).expect(409)
    assert (problem["code"], problem["request_id"]) == ("request_timed_out", request_id)
    assert (await live(alice))["request"] is None
    await until(lambda: is_gone(index, f"queue:easy:{topic}"))


async def test_who_confirmed_waits_again_and_who_did_not_is_timed_out(
    hasty_crowd: Crowd, topic: str, index: Redis
) -> None:
    alice, bob = await both(hasty_crowd)
    first = (await alice.find(topic)).expect(201)
    place = await until(lambda: index.zscore(f"queue:easy:{topic}", alice.user_id))
    second = await waiting(bob, topic)
    match_id = (await alice.frame("match_found"))["match_id"]
    (await alice.confirm(match_id)).expect(200)
    ended = {"type": "match_expired", "match_id": match_id, "reason": "confirmation_timeout"}
    assert await alice.frame("match_expired") == ended | {"requeued": True, "request_id": first["id"]}
    assert await until(lambda: index.zscore(f"queue:easy:{topic}", alice.user_id)) == place
    assert await bob.frame("match_expired") == ended | {"requeued": False, "request_id": second}
    assert (await bob.request_status(second)).expect(200) == {"status": "timeout"}
    assert (await bob.match_status(match_id)).expect(404)["reason"] == "confirmation_timeout"
    assert (await bob.confirm(match_id)).expect(409)["reason"] == "confirmation_timeout"
    assert (await live(alice))["request"]["status"] == "pending"
    carol = await hasty_crowd.connected("carol")
    await waiting(carol, topic)
    assert (await alice.frame("match_found"))["partner_id"] == carol.user_id


async def test_when_nobody_confirms_both_are_timed_out(hasty_crowd: Crowd, topic: str) -> None:
    alice, bob = await both(hasty_crowd)
    match_id = await meet(alice, bob, topic)
    for user in (alice, bob):
        ended = await user.frame("match_expired")
        assert (ended["match_id"], ended["requeued"]) == (match_id, False)
        assert (await user.request_status(ended["request_id"])).expect(200) == {"status": "timeout"}


async def test_cancelling_while_waiting_is_done_at_once_and_may_be_repeated(
    crowd: Crowd, topic: str, index: Redis
) -> None:
    alice = crowd.user("alice")
    request_id = await waiting(alice, topic)
    for _ in range(2):
        assert (await alice.cancel(request_id)).expect(200) == {"message": "Match request cancelled"}
    assert (await alice.request_status(request_id)).expect(200) == {"status": "cancelled"}
    await until(lambda: is_gone(index, f"queue:easy:{topic}"))
    assert (await alice.find(topic, "hard")).expect(201)["id"] != request_id


@pytest.mark.parametrize("has_confirmed", [False, True])
async def test_cancelling_a_match_declines_it(crowd: Crowd, topic: str, has_confirmed: bool) -> None:
    alice, bob = await both(crowd)
    request_id = await waiting(alice, topic)
    await waiting(bob, topic)
    match_id = (await bob.frame("match_found"))["match_id"]
    if has_confirmed:
        (await alice.confirm(match_id)).expect(200)
    for _ in range(2):
        assert (await alice.cancel(request_id)).expect(200) == {"message": "Match request cancelled"}
    ended = await bob.frame("match_expired")
    assert (ended["reason"], ended["requeued"]) == ("declined", True)
    assert (await alice.request_status(request_id)).expect(200) == {"status": "cancelled"}
    assert (await bob.request_status(ended["request_id"])).expect(200)["status"] == "pending"


async def test_cancelling_after_both_confirmed_is_too_late(crowd: Crowd, topic: str) -> None:
    alice, bob = await both(crowd)
    request_id = await waiting(alice, topic)
    await waiting(bob, topic)
    match_id = (await bob.frame("match_found"))["match_id"]
    (await alice.confirm(match_id)).expect(200)
    session_id = (await bob.confirm(match_id)).expect(200)["session_id"]
    for answer in (await alice.cancel(request_id), await alice.decline(match_id), await bob.decline(match_id)):
        problem = answer.expect(409)
        assert (problem["code"], problem["match_id"]) == ("session_opened", match_id)
        assert problem["session_id"] == session_id
    assert (await alice.request_status(request_id)).expect(200) == {"status": "matched", "match_id": match_id}


async def test_confirming_again_gets_the_same_answer(crowd: Crowd, topic: str) -> None:
    alice, bob = await both(crowd)
    match_id = await meet(alice, bob, topic)
    first = [(await alice.confirm(match_id)).expect(200) for _ in range(3)]
    assert first == [{"status": "waiting_for_partner", "match_id": match_id}] * 3
    ready = [(await bob.confirm(match_id)).expect(200) for _ in range(3)]
    assert ready == [ready[0]] * 3
    assert (await alice.confirm(match_id)).expect(200) == ready[0] | {"partner_id": bob.user_id}
    assert len(bob.tabs[0].of("partner_confirmed")) == 1
    await alice.leave(ready[0]["session_id"])
    assert (await alice.confirm(match_id)).expect(200) == ready[0] | {"partner_id": bob.user_id}


async def test_an_old_match_cannot_touch_a_newer_one(crowd: Crowd, topic: str) -> None:
    alice, bob = await both(crowd)
    old = await meet(alice, bob, topic)
    (await bob.decline(old)).expect(200)
    carol = await crowd.connected("carol")
    await waiting(carol, topic)
    found = await carol.frame("match_found")
    assert found["partner_id"] == alice.user_id
    assert (await alice.confirm(old)).expect(409)["reason"] == "declined"
    assert (await alice.decline(old)).expect(409)["reason"] == "declined"
    status = (await alice.match_status(found["match_id"])).expect(200)
    assert (status["status"], status["you_confirmed"]) == ("proposed", False)


async def test_the_two_who_failed_meet_again_when_nobody_else_is_there(crowd: Crowd, topic: str) -> None:
    alice, bob = await both(crowd)
    (await bob.decline(await meet(alice, bob, topic))).expect(200)
    await bob.frame("match_expired")
    await waiting(bob, topic)
    assert (await bob.frame("match_found"))["partner_id"] == alice.user_id


async def test_the_two_who_failed_are_not_paired_again_while_others_wait(
    crowd: Crowd, cluster: Cluster, topic: str
) -> None:
    alice, bob = await both(crowd)
    (await bob.decline(await meet(alice, bob, topic))).expect(200)
    carol = await crowd.connected("carol")
    lines = [await asyncio.open_connection(*_address(cluster.one)) for _ in range(2)]
    for reader, writer in lines:  # accepted, so that both requests are read at the same moment
        writer.write(b"GET /health HTTP/1.1\r\nHost: replica\r\n\r\n")
        assert await reader.readuntil(b"}")
    cluster.one.send(signal.SIGSTOP)
    for user, (_, writer) in zip((bob, carol), lines, strict=True):
        writer.write(_wish(user, topic))
        await writer.drain()
    cluster.one.send(signal.SIGCONT)
    for reader, writer in lines:
        assert await reader.readline() == b"HTTP/1.1 201 Created\r\n"
        writer.close()
    assert (await carol.frame("match_found"))["partner_id"] == alice.user_id
    assert (await live(bob))["request"]["status"] == "pending"


def _address(replica: Replica) -> tuple[str, int]:
    address = urlsplit(replica.url)
    return str(address.hostname), int(address.port or 0)


def _wish(user: Client, topic: str) -> bytes:
    """``POST /request`` as it goes over the wire."""
    body = json.dumps({"difficulty": "easy", "topic": topic})
    head = f"POST {BASE}/request HTTP/1.1\r\nHost: replica\r\nAuthorization: Bearer {user.token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_a_session_may_be_left_after_the_partner_left(crowd: Crowd, topic: str) -> None:
    alice, bob = await both(crowd)
    session_id = (await enter(alice, bob, topic))["session_id"]
    answers = await asyncio.gather(*(user.leave(session_id) for user in (alice, bob) for _ in range(10)))
    said = [answer.expect(200)["status"] for answer in answers]
    assert (said.count("left"), said.count("ok")) == (2, 18)
    assert len(alice.tabs[0].of("partner_left")) + len(bob.tabs[0].of("partner_left")) <= 2
