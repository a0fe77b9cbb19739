"""Asking for a partner: once, twice, a hundred times at once, and for what is not one's own."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import datetime
from uuid import uuid4

import asyncpg
import pytest

from tests.e2e.client import Answer, Client, Crowd
from tests.e2e.conftest import Redis
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until


def epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def test_asking_a_hundred_times_at_once_is_one_request(crowd: Crowd, topic: str, sql: asyncpg.Connection) -> None:
    alice = crowd.user("alice")
    answers = await asyncio.gather(*(alice.find(topic) for _ in range(100)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 99}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert all(answer.body["already_queued"] is True for answer in answers if answer.status == 200)
    assert await sql.fetchval("SELECT count(*) FROM match_requests WHERE user_id = $1", alice.user_id) == 1


async def test_asking_again_keeps_the_place_and_starts_the_clock_anew(crowd: Crowd, topic: str, index: Redis) -> None:
    alice = crowd.user("alice")
    first = (await alice.find(topic)).expect(201)
    place = await until(lambda: index.zscore(f"queue:easy:{topic}", alice.user_id))
    again = (await alice.find(topic)).expect(200)
    assert again.pop("already_queued") is True
    assert epoch(again.pop("expires_at")) > epoch(first.pop("expires_at"))
    assert again == first
    assert await index.zscore(f"queue:easy:{topic}", alice.user_id) == place


async def test_nobody_is_paired_with_themselves(crowd: Crowd, topic: str) -> None:
    alice = await crowd.connected("alice")
    request_id = await waiting(alice, topic)
    await asyncio.gather(*(alice.find(topic) for _ in range(10)))
    assert (await alice.request_status(request_id)).expect(200)["status"] == "pending"


async def test_asking_in_another_bucket_names_the_request_that_is_live(crowd: Crowd, topic: str) -> None:
    alice = crowd.user("alice")
    request_id = await waiting(alice, topic)
    for answer in (await alice.find(topic, "hard"), await alice.find(f"{topic} too")):
        problem = answer.expect(409)
        assert (problem["code"], problem["status"]) == ("live_request_exists", 409)
        assert (problem["request_id"], problem["match_id"]) == (request_id, None)
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_asking_while_a_match_waits_names_the_match(crowd: Crowd, topic: str) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    match_id = await meet(alice, bob, topic)
    for wish in (topic, f"{topic} too"):
        problem = (await bob.find(wish)).expect(409)
        assert problem["match_id"] == match_id
        assert (await bob.request_status(problem["request_id"])).expect(200)["match_id"] == match_id


async def test_the_oldest_go_first_and_know_their_position(crowd: Crowd, topic: str) -> None:
    alice, bob, carol = await crowd.connected("alice"), await crowd.connected("bob"), crowd.user("carol")
    await meet(alice, bob, topic)
    third = await waiting(carol, topic)
    status = (await carol.request_status(third)).expect(200)
    assert (status["position"], status["status"]) == (1, "pending")
    assert 0 <= status["estimated_wait_seconds"] < 5


async def test_what_belongs_to_others_is_as_unknown_as_what_does_not_exist(crowd: Crowd, topic: str) -> None:
    alice, bob, eve = await crowd.connected("alice"), await crowd.connected("bob"), crowd.user("eve")
    ready = await enter(alice, bob, topic)
    request_id = await waiting(await crowd.connected("carol"), topic)

    async def same(method: str, path: str, own: str, body: str = "") -> None:
        answers = [await _asked_as(eve, method, path, one, body) for one in (own, str(uuid4()), str(uuid4()))]
        assert {answer.status for answer in answers} == {404}
        assert len({answer.raw for answer in answers}) == 1, answers

    await same("GET", "/requests/{}/status", request_id)
    await same("DELETE", "/request/{}", request_id)
    await same("GET", "/{}/status", ready["match_id"])
    await same("GET", "/session/{}", ready["session_id"])
    await same("POST", "/confirm", ready["match_id"], "match_id")
    await same("POST", "/sessions/leave", ready["session_id"], "session_id")


async def _asked_as(user: Client, method: str, path: str, one: str, body: str) -> Answer:
    headers = {"Authorization": f"Bearer {user.token}", "X-Request-ID": "the-same-for-all"}
    content = {body: one, "confirmed": True} if body else None
    return await user.call(method, path.format(one), content, headers=headers)


async def test_asking_at_the_very_second_of_the_time_out_waits_on_or_waits_anew(hasty_crowd: Crowd, topic: str) -> None:
    async def retry(number: int) -> None:
        user, mine = hasty_crowd.user(), f"{topic} {number}"
        first = (await user.find(mine)).expect(201)
        moment = epoch(first["expires_at"]) + (number - 20) * 0.003
        await until(lambda: time.time() >= moment)
        again = await user.find(mine)
        assert again.status in (200, 201), again
        request_id, ends = again.body["id"], epoch(again.body["expires_at"])
        assert (request_id == first["id"]) == (again.status == 200)
        assert ends - moment > 1.3, "a fresh clock"

        async def is_over() -> bool:
            status = (await user.request_status(request_id)).expect(200)["status"]
            assert status == "pending" or time.time() > ends, "not by the timer of the search before"
            return bool(status == "timeout")

        await until(is_over)

    await asyncio.gather(*(retry(number) for number in range(40)))


@pytest.mark.parametrize("path", ["/request", "/confirm", "/sessions/leave", "/sessions/active", f"/session/{uuid4()}"])
async def test_nothing_is_done_for_strangers(crowd: Crowd, path: str) -> None:
    method = "POST" if path in ("/request", "/confirm", "/sessions/leave") else "GET"
    answer = await crowd.user("eve").call(method, path, headers={})
    assert (answer.expect(401)["code"], answer.headers["WWW-Authenticate"]) == (
        "unauthorized", 'Bearer realm="matching"',
    )  # fmt: skip
