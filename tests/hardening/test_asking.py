"""B14 to B35: asking for a partner in every wrong way, and too often."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import count
from typing import Any

import asyncpg
import pytest

from tests.e2e.client import BASE, Client, Crowd
from tests.e2e.conftest import Spawn
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter, meet, waiting
from tests.hardening.conftest import OFFERED
from tests.hardening.wire import UNKNOWN, Answer, expect_problem, post

GOOD = {"difficulty": "easy", "topic": "Hard to ask"}
_numbers = count(1)


async def wish(target: Replica, body: object, *lines: str, query: str = "") -> Answer:
    """The answer to what somebody new wishes for."""
    path = f"{BASE}/request{query}"
    return await post(target, json.dumps(body).encode(), *lines, path=path, user=f"wisher-{next(_numbers)}")


def expect_invalid(answer: Answer, *fields: str) -> None:
    expect_problem(answer, 422, "invalid_body")
    assert [error["field"] for error in answer.body["errors"]] == list(fields)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({}, ("difficulty", "topic"), id="B14 both"),
        pytest.param({"topic": "Array"}, ("difficulty",), id="B14 the difficulty"),
        pytest.param({"difficulty": "easy"}, ("topic",), id="B14 the topic"),
        pytest.param({"Difficulty": "easy", "TOPIC": "Array"}, ("difficulty", "topic"), id="B14 misspelled"),
    ],
)
async def test_all_that_is_missing_is_named_at_once(target: Replica, body: Any, fields: tuple[str, ...]) -> None:
    expect_invalid(await wish(target, body), *fields)


@pytest.mark.parametrize("text", [pytest.param(text, id=f"B15 {text}") for text in ("EASY", "Easy", "eAsY", "Hard")])
async def test_difficulty_is_taken_in_any_letter_case(target: Replica, text: str) -> None:
    answer = await wish(target, GOOD | {"difficulty": text})
    assert (answer.status, answer.body["difficulty"]) == (201, text.lower())


DIFFICULTIES = ["insane", "", " easy", "easy ", "easy\n", "easy,hard", 1, True, None, [], ["easy"], {}, "e\u0430sy"]


@pytest.mark.parametrize("value", [pytest.param(value, id=f"B16 {value!a}") for value in DIFFICULTIES])
async def test_any_other_difficulty_is_422(target: Replica, value: object) -> None:
    expect_invalid(await wish(target, GOOD | {"difficulty": value}), "difficulty")


TOPICS: dict[str, list[object]] = {
    "B17": ["", " ", "\t", "\u00a0", None, 7, [], {}, True],
    "B18": ["x" * 65, "x" * 16_000, "\u00e9" * 65],
    "B19": ["a:b", "a*b", "a?b", "a[b", "a]b", "a{b", "a}b", "a\nb", "a\tb", "a\\b", "Array\n", "a|b", "a;b"],
    "B21": ["\u0410rray", "Arr\u200bay", "Arr\u202eay", "\u05d0\u05d1", "Ar\u00adray", "\uff21rray", "\u2070"],
    "B22": ["\U0001f600", "Array \u2764\ufe0f"],
    "B27": ["$where", "'; DROP TABLE matches;--", "{0}", "%n%s", "${jndi:ldap://x}", "a\r\nX: 1", "<script>", "`id`"],
}


@pytest.mark.parametrize(
    ("topic"),
    [pytest.param(topic, id=f"{label} {topic!a}"[:40]) for label, topics in TOPICS.items() for topic in topics],
)
async def test_what_is_no_topic_is_422(target: Replica, topic: object) -> None:
    answer = await wish(target, GOOD | {"topic": topic})
    expect_invalid(answer, "topic")
    assert len(answer.raw) < 1000
    assert not isinstance(topic, str) or len(topic) < 10 or topic.encode() not in answer.raw


@pytest.mark.parametrize(
    "topic", [pytest.param(text, id=f"B27 {text}") for text in ("__proto__", "../etc/passwd", "--")]
)
async def test_what_looks_odd_but_is_a_topic_is_kept_as_it_is(
    target: Replica, rows: asyncpg.Connection, topic: str
) -> None:
    answer = await wish(target, GOOD | {"topic": topic})
    assert (answer.status, answer.body["topic"]) == (201, topic)
    assert await rows.fetchval("SELECT topic FROM match_requests WHERE id = $1", answer.body["id"]) == topic


async def test_b18_a_topic_of_64_characters_is_one(target: Replica) -> None:
    assert (await wish(target, GOOD | {"topic": "x" * 64})).status == 201


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Caf\u00e9 one", "Cafe\u0301 one", id="B20 composed and decomposed"),
        pytest.param("Two spaces", "  Two   spaces ", id="B23 spaces"),
    ],
)
async def test_spellings_of_one_topic_meet(people: Crowd, one: str, other: str) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    await waiting(alice, one)
    await waiting(bob, other)
    assert (await alice.frame("match_found"))["topic"] == (await bob.frame("match_found"))["topic"] == one


async def test_b23_b24_where_topics_are_offered_only_those_count_in_any_letter_case(strict: Replica) -> None:
    for text in ("array", " ARRAY ", "Array"):
        answer = await wish(strict, GOOD | {"topic": text})
        assert (answer.status, answer.body["topic"]) == (201, "Array")
    expect_invalid(await wish(strict, GOOD | {"topic": "Cooking"}), "topic")


async def test_b24_a_bucket_too_many_is_503(spawn_hard: Spawn) -> None:
    replica = await spawn_hard(MAX_BUCKETS="2", BUCKET_IDLE_SECONDS="600")
    answers = [await wish(replica, GOOD | {"topic": f"Bucket {number}"}) for number in range(4)]
    assert [answer.status for answer in answers] == [201, 201, 503, 503]
    expect_problem(answers[3], 503, "too_many_buckets")
    assert (await wish(replica, GOOD | {"topic": "Bucket 0"})).status == 201


async def test_b25_b31_c10_whoever_calls_too_often_is_429_and_others_are_not(strict: Replica) -> None:
    async with Crowd(strict) as crowd:
        polling = crowd.user("poll")
        polled = await waiting(polling, OFFERED[2])
        for answers in (
            [await polling.request_status(polled) for _ in range(22)],
            [await changing.find(OFFERED[3 + number]) for changing in [crowd.user("topics")] for number in range(23)],
            [answer for moody in [crowd.user("moody")] for answer in await _changes_of_mind(moody, 23)],
        ):
            assert [answer.status for answer in answers[-3:]] == [429] * 3
            assert {answer.status for answer in answers[:-3]} <= {200, 201, 409}
            assert int(answers[-1].headers["Retry-After"]) > 0
        assert (await crowd.user("newcomer").find(OFFERED[2])).status == 201


async def _changes_of_mind(user: Client, times: int) -> list[Any]:
    """Asks, cancels, asks ..."""
    answers: list[Any] = []
    request_id = UNKNOWN
    for turn in range(times):
        if turn % 2 == 0:
            answers.append(await user.find(OFFERED[28]))
            request_id = answers[-1].body.get("id", request_id)
        else:
            answers.append(await user.cancel(request_id))
    return answers


async def test_b26_what_is_ours_cannot_be_sent(target: Replica, rows: asyncpg.Connection) -> None:
    theirs = {"id": "x", "user_id": "alice", "status": "matched", "created_at": "1970-01-01T00:00:00Z", "match_id": "x"}
    answer = await wish(target, GOOD | {"topic": "Ours"} | theirs | {"__proto__": {"user_id": "alice"}})
    assert answer.status == 201
    assert not theirs.items() & answer.body.items()
    row = await rows.fetchrow("SELECT * FROM match_requests WHERE id = $1", answer.body["id"])
    assert row is not None
    assert (row["user_id"][:7], row["status"], row["match_id"]) == ("wisher-", "pending", None)
    assert row["created_at"].year > 2000


async def test_b28_a_second_wish_is_409_with_the_first_ones_id(people: Crowd) -> None:
    alice = people.user("alice")
    request_id = await waiting(alice, "First wish")
    problem = (await alice.find("Second wish")).expect(409)
    assert (problem["code"], problem["request_id"]) == ("live_request_exists", request_id)


async def test_b29_a_hundred_wishes_at_once_are_one(people: Crowd, rows: asyncpg.Connection) -> None:
    alice = people.user("alice")
    answers = await asyncio.gather(*(alice.find("All at once") for _ in range(100)))
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 99}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert await rows.fetchval("SELECT count(*) FROM match_requests WHERE user_id = $1", alice.user_id) == 1


async def test_b32_a_wish_while_matched_is_409_with_the_match(people: Crowd) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    match_id = await meet(alice, bob, "While matched")
    problem = (await alice.find("While matched too")).expect(409)
    assert (problem["code"], problem["match_id"]) == ("live_request_exists", match_id)


async def test_b33_a_wish_in_an_open_session_is_granted(people: Crowd) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    old = await enter(alice, bob, "While in a session")
    assert (await alice.find("The next one")).status == 201
    assert (await alice.active()).expect(200)["session_id"] == old["session_id"]


@pytest.mark.parametrize("query", ["?topic=Trees", "?x=%00", "?" + "a=1&" * 500, "?%zz", "?token=eyJ0.eyJ0.x"])
async def test_b35_what_the_query_says_is_ignored(target: Replica, query: str) -> None:
    answer = await wish(target, GOOD, query=query)
    assert (answer.status, answer.body["topic"]) == (201, GOOD["topic"])
