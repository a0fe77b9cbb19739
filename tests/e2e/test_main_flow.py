"""Two users look for a partner, confirm, work together and part: everything the contract says, read from the wire."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from tests.e2e.client import BASE, Answer, Client, Crowd
from tests.e2e.conftest import Cluster, Redis
from tests.e2e.consumer import Consumer
from tests.e2e.scenes import enter, meet

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
QUESTION = {"id": "q-easy", "title": "Two Sum", "difficulty": "easy", "topics": ["Array"]}


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


@dataclass(frozen=True, slots=True)
class Story:
    """What two users saw, from first to last."""

    alice: Client
    bob: Client
    asked: Answer
    pending: Any
    places: list[tuple[str, float]]
    matched: Any
    halfway: Any
    first_yes: Any
    second_yes: Any
    ready: Any
    active: Any
    session: Any


@pytest.fixture(scope="module")
async def story(cluster: Cluster) -> AsyncIterator[Story]:
    async with Crowd(*cluster.replicas) as crowd:
        alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
        asked = await alice.find("Array", "easy")
        request_id = asked.expect(201)["id"]
        pending = (await alice.request_status(request_id)).expect(200)
        url = cluster.environment["REDIS_URL"]
        async with redis.asyncio.Redis.from_url(url, decode_responses=True) as index:
            places: Any = await index.zrange("queue:easy:Array", 0, -1, withscores=True)
        (await bob.find("Array", "easy")).expect(201)
        match_id = (await alice.frame("match_found"))["match_id"]
        matched = (await alice.request_status(request_id)).expect(200)
        first_yes = (await alice.confirm(match_id)).expect(200)
        halfway = (await alice.match_status(match_id)).expect(200)
        second_yes = (await bob.confirm(match_id)).expect(200)
        await bob.frame("match_ready")
        await alice.frame("match_ready")
        yield Story(
            alice=alice,
            bob=bob,
            asked=asked,
            pending=pending,
            places=places,
            matched=matched,
            halfway=halfway,
            first_yes=first_yes,
            second_yes=second_yes,
            ready=(await alice.match_status(match_id)).expect(200),
            active=(await alice.active()).expect(200),
            session=(await bob.session(second_yes["session_id"])).expect(200),
        )


def test_a_request_is_answered_with_its_place(story: Story) -> None:
    request = story.asked.body
    assert list(request) == ["id", "user_id", "difficulty", "topic", "status", "created_at", "expires_at"]
    assert UUID.fullmatch(request["id"])
    assert (request["user_id"], request["difficulty"]) == (story.alice.user_id, "easy")
    assert (request["topic"], request["status"]) == ("Array", "pending")
    assert MOMENT.fullmatch(request["created_at"])
    assert seconds(request["expires_at"]) - seconds(request["created_at"]) == pytest.approx(30, abs=0.1)
    assert story.asked.headers["Location"] == f"{BASE}/requests/{request['id']}/status"
    assert story.asked.headers["Content-Type"] == "application/json"


def test_a_waiting_request_says_how_it_goes(story: Story) -> None:
    assert list(story.pending) == ["status", "waiting_seconds", "position", "estimated_wait_seconds", "expires_at"]
    assert (story.pending["status"], story.pending["position"]) == ("pending", 1)
    assert 0 <= story.pending["waiting_seconds"] < 5
    assert story.pending["expires_at"] == story.asked.body["expires_at"]


def test_while_waiting_redis_has_the_place(story: Story) -> None:
    [(member, score)] = story.places
    assert member == story.alice.user_id
    assert score == pytest.approx(seconds(story.asked.body["created_at"]), abs=0.001)


async def test_after_pairing_the_place_is_free(story: Story, index: Redis) -> None:
    assert story.alice.user_id not in await index.zrange("queue:easy:Array", 0, -1)


def test_a_matched_request_names_the_match(story: Story) -> None:
    assert story.matched == {"status": "matched", "match_id": story.first_yes["match_id"]}


def test_confirming_first_is_waiting_and_confirming_second_is_the_session(story: Story) -> None:
    match_id = story.first_yes["match_id"]
    assert story.first_yes == {"status": "waiting_for_partner", "match_id": match_id}
    session = {"session_id": story.session["session_id"], "question_id": "q-easy"}
    assert story.second_yes == {"match_id": match_id, "partner_id": story.alice.user_id} | session
    assert UUID.fullmatch(session["session_id"])


def test_a_match_says_how_it_stands(story: Story) -> None:
    expected = {"confirm_status": False, "session_id": None, "status": "proposed", "you_confirmed": True}
    deadline = story.halfway["expires_at"]
    assert MOMENT.fullmatch(deadline)
    assert story.halfway == expected | {"partner_confirmed": False, "expires_at": deadline}
    now = {"confirm_status": True, "session_id": story.session["session_id"], "status": "ready"}
    assert story.ready == story.halfway | now | {"partner_confirmed": True}


def test_frames_arrive_in_order_and_whole(story: Story) -> None:
    [state, found, ready] = story.alice.tabs[0].frames
    match_id, partner = story.first_yes["match_id"], story.bob.user_id
    assert state == {"type": "state", "request": None, "match": None, "session": None}
    assert MOMENT.fullmatch(found["expires_at"])
    shared = {"match_id": match_id, "partner_id": partner}
    bucket = {"difficulty": "easy", "topic": "Array"}
    assert found == {"type": "match_found", "expires_at": found["expires_at"]} | shared | bucket
    session = {"session_id": story.session["session_id"], "question_id": "q-easy"}
    assert ready == {"type": "match_ready"} | shared | session
    assert [frame["type"] for frame in story.bob.tabs[0].frames] == [
        *("state", "match_found", "partner_confirmed", "match_ready")
    ]
    assert story.bob.tabs[0].of("partner_confirmed") == [{"type": "partner_confirmed", "match_id": match_id}]
    assert next(iter(found)) == "type"


def test_the_session_can_be_read(story: Story) -> None:
    session_id, match_id = story.session["session_id"], story.first_yes["match_id"]
    users = [story.alice.user_id, story.bob.user_id]
    named = {"session_id": session_id, "match_id": match_id}
    assert story.session == named | {"question": QUESTION, "code": "", "language": "python", "users": users}
    assert story.active == named | {"partner_id": story.bob.user_id, "question": QUESTION}


async def test_redis_has_the_session_for_the_collaboration_service(story: Story, index: Redis) -> None:
    key = f"session:{story.session['session_id']}"
    session = await index.hgetall(key)
    assert json.loads(session.pop("question")) == QUESTION
    assert json.loads(session.pop("users")) == [story.alice.user_id, story.bob.user_id]
    assert MOMENT.fullmatch(session.pop("created_at")[:23] + "Z")
    match_id = story.first_yes["match_id"]
    assert session == {"code": "", "language": "python", "match_id": match_id, "difficulty": "easy", "topic": "Array"}
    assert 86_000 < await index.ttl(key) <= 86_400


async def test_the_tables_answer_the_queries_of_the_readme(story: Story, sql: asyncpg.Connection) -> None:
    requests = await sql.fetch("SELECT id, user_id, difficulty, topic, status FROM match_requests")
    row = (story.asked.body["id"], story.alice.user_id, "easy", "Array", "confirmed")
    assert row in [(str(request_id), *rest) for request_id, *rest in map(tuple, requests)]
    matches = await sql.fetch("SELECT id, user1_id, user2_id, session_id FROM matches")
    pair = (story.first_yes["match_id"], story.alice.user_id, story.bob.user_id, story.session["session_id"])
    assert pair in [(str(i), one, two, str(session_id)) for i, one, two, session_id in map(tuple, matches)]


@pytest.mark.rabbitmq
async def test_match_found_is_published_once_and_whole(crowd: Crowd, topic: str, consumer: Consumer) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    before = datetime.now(UTC).timestamp()
    ready = await enter(alice, bob, topic)
    message = await consumer.event("match.found", match_id=ready["match_id"])
    event = json.loads(message.body)
    names = ("event_type", "session_id", "users", "question_id", "difficulty", "topic")
    assert tuple(event) == (*names, "version", "event_id", "occurred_at", "match_id", "question")
    assert (event["event_type"], event["version"]) == ("match.found", 1)
    assert (event["session_id"], event["users"]) == (ready["session_id"], [alice.user_id, bob.user_id])
    assert (event["question_id"], event["difficulty"], event["topic"]) == ("q-easy", "easy", topic)
    assert event["question"] == QUESTION | {"topics": [topic]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["occurred_at"])
    assert before - 1 <= seconds(event["occurred_at"]) <= datetime.now(UTC).timestamp()
    assert (message.exchange, message.routing_key, message.delivery_mode) == ("matching.events", "match.found", 2)
    assert (message.content_type, message.message_id) == ("application/json", event["event_id"])
    await alice.leave(ready["session_id"])
    await consumer.event("session.left", session_id=ready["session_id"])
    assert len(consumer.about("match.found", match_id=ready["match_id"])) == 1


@pytest.mark.rabbitmq
async def test_leaving_is_heard_exactly_once(crowd: Crowd, topic: str, consumer: Consumer) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    assert (await alice.leave(session_id)).expect(200) == {"status": "left"}
    assert (await alice.leave(session_id)).expect(200) == {"status": "ok"}
    assert await bob.frame("partner_left") == {
        "type": "partner_left", "session_id": session_id, "user_id": alice.user_id,
    }  # fmt: skip
    (await alice.active()).expect(404)
    (await alice.session(session_id)).expect(404)
    assert (await bob.active()).expect(200)["session_id"] == session_id
    assert (await bob.leave(session_id)).expect(200) == {"status": "left"}
    (await bob.active()).expect(404)
    left = await consumer.event("session.left", session_id=session_id, user_id=alice.user_id)
    assert json.loads(left.body)["remaining"] == [bob.user_id]
    last = await consumer.event("session.left", session_id=session_id, user_id=bob.user_id)
    event = json.loads(last.body)
    assert tuple(event) == (*("event_type", "session_id", "user_id", "remaining"), "version", "event_id", "occurred_at")
    assert (event["event_type"], event["remaining"], last.message_id) == ("session.left", [], event["event_id"])
    assert len(consumer.about("session.left", session_id=session_id)) == 2
    assert len(bob.tabs[0].of("partner_left")) == 1
    assert alice.tabs[0].of("partner_left") == []


async def test_a_new_request_is_allowed_in_an_open_session_and_the_newest_session_is_the_active_one(
    crowd: Crowd, topic: str
) -> None:
    alice, bob, carol = [await crowd.connected(name) for name in ("alice", "bob", "carol")]
    old = (await enter(alice, bob, topic))["session_id"]
    match_id = await meet(alice, carol, topic)
    assert (await alice.active()).expect(200)["session_id"] == old
    (await alice.confirm(match_id)).expect(200)
    new = (await carol.confirm(match_id)).expect(200)["session_id"]
    assert (await alice.active()).expect(200)["session_id"] == new
    assert (await alice.session(old)).expect(200)["session_id"] == old
    (await alice.leave(new)).expect(200)
    assert (await alice.active()).expect(200)["session_id"] == old
