"""E1 to E17 and G1 to G6: saying yes or no, and looking after a match.  Races of thousands are in tests/e2e."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import asyncpg
import pytest

from tests.e2e.client import BASE, Client, Crowd
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter, meet
from tests.hardening.wire import UNKNOWN, ask, expect_problem, head, post


async def both(people: Crowd, topic: str) -> tuple[Client, Client, str]:
    """Two with open sockets, and their match."""
    alice, bob = await people.connected("alice"), await people.connected("bob")
    return alice, bob, await meet(alice, bob, topic)


NO_VERDICTS: list[object] = ["true", "false", "", 1, 0, 1.0, None, [], [True], {}]
NO_IDS: list[object] = [
    "", "nope", UNKNOWN.upper(), f"{UNKNOWN}\n", f"{{{UNKNOWN}}}", f"urn:uuid:{UNKNOWN}", 7, None, [],
]  # fmt: skip

BODIES: dict[str, tuple[object, list[str]]] = {
    "E1 nothing": ({}, ["match_id", "confirmed"]),
    "E1 no match": ({"confirmed": True}, ["match_id"]),
    "E1 no verdict": ({"match_id": UNKNOWN}, ["confirmed"]),
    **{f"E2 {value!r}": ({"match_id": UNKNOWN, "confirmed": value}, ["confirmed"]) for value in NO_VERDICTS},
    **{f"E3 {value!r}": ({"match_id": value, "confirmed": True}, ["match_id"]) for value in NO_IDS},
}


@pytest.mark.parametrize("name", BODIES)
async def test_what_is_no_verdict_is_422(target: Replica, name: str) -> None:
    body, fields = BODIES[name]
    answer = await post(target, json.dumps(body).encode(), path=f"{BASE}/confirm")
    expect_problem(answer, 422, "invalid_body")
    assert [error["field"] for error in answer.body["errors"]] == fields


async def test_e4_e5_g2_a_foreign_match_is_as_unknown_as_none(people: Crowd, target: Replica) -> None:
    alice, _, match_id = await both(people, "Foreign match")
    answers = []
    for one in (match_id, UNKNOWN):
        for confirmed in (True, False):
            body = json.dumps({"match_id": one, "confirmed": confirmed}).encode()
            answers.append(await post(target, body, "X-Request-ID: same", path=f"{BASE}/confirm", user="eve"))
        answers.append(await ask(target, head("GET", f"{BASE}/{one}/status", "X-Request-ID: same", user="eve")))
    assert len({answer.raw for answer in answers}) == 1
    expect_problem(answers[0], 404, "match_not_found")
    assert (await alice.match_status(match_id)).expect(200)["you_confirmed"] is False


async def test_e6_g5_a_yes_may_be_repeated_and_the_partner_sees_it(people: Crowd) -> None:
    alice, bob, match_id = await both(people, "Yes and yes")
    for _ in range(3):
        assert (await alice.confirm(match_id)).expect(200) == {"status": "waiting_for_partner", "match_id": match_id}
    seen = (await bob.match_status(match_id)).expect(200)
    assert seen.keys() == {
        "confirm_status", "session_id", "status", "you_confirmed", "partner_confirmed", "expires_at",
    }  # fmt: skip
    assert (seen["partner_confirmed"], seen["you_confirmed"]) == (True, False)


async def test_e7_a_yes_may_be_taken_back_until_both_said_it(people: Crowd) -> None:
    alice, bob, match_id = await both(people, "Taken back")
    (await alice.confirm(match_id)).expect(200)
    assert (await alice.decline(match_id)).expect(200)["status"] == "cancelled"
    await bob.frame("match_expired")
    carol, dave, match_id = await both(people, "Too late to take back")
    (await carol.confirm(match_id)).expect(200)
    session_id = (await dave.confirm(match_id)).expect(200)["session_id"]
    for user in (carol, dave):
        problem = (await user.decline(match_id)).expect(409)
        assert (problem["code"], problem["session_id"]) == ("session_opened", session_id)


async def test_e8_e15_g6_after_a_no_there_is_no_yes(people: Crowd) -> None:
    alice, bob, match_id = await both(people, "No is no")
    assert (await bob.decline(match_id)).expect(200)["requeued_partner"] is True
    for user in (alice, bob):
        problem = (await user.confirm(match_id)).expect(409)
        assert (problem["code"], problem["reason"], problem["match_id"]) == ("match_closed", "declined", match_id)
        gone = (await user.match_status(match_id)).expect(404)
        assert (gone["code"], gone["reason"], gone["status"]) == ("match_closed", "declined", 404)


async def test_e9_after_the_deadline_there_is_no_yes(hasty: Replica) -> None:
    async with Crowd(hasty) as crowd:
        alice, bob, match_id = await both(crowd, "Too late")
        await asyncio.gather(alice.frame("match_expired"), bob.frame("match_expired"))
        for user in (alice, bob):
            problem = (await user.confirm(match_id)).expect(409)
            assert (problem["code"], problem["reason"]) == ("match_closed", "confirmation_timeout")
            assert (await user.match_status(match_id)).expect(404)["reason"] == "confirmation_timeout"


async def test_e12_a_yes_to_an_open_session_gets_that_session(people: Crowd) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    ready = await enter(alice, bob, "Open already")
    again = (await alice.confirm(ready["match_id"])).expect(200)
    assert again == {name: ready[name] for name in ("match_id", "session_id", "question_id", "partner_id")}


async def test_e14_a_hundred_yeses_at_once_are_one(people: Crowd, rows: asyncpg.Connection) -> None:
    alice, bob, match_id = await both(people, "Yes a hundred times")
    answers = await asyncio.gather(*(alice.confirm(match_id) for _ in range(100)))
    assert Counter(answer.status for answer in answers) == {200: 100}
    assert {answer.body["status"] for answer in answers} == {"waiting_for_partner"}
    answers = await asyncio.gather(*(bob.confirm(match_id) for _ in range(100)))
    sessions = {answer.expect(200)["session_id"] for answer in answers}
    assert len(sessions) == 1
    assert (
        await rows.fetchval("SELECT count(*) FROM outbox WHERE position(convert_to($1, 'UTF8') IN body) > 0", match_id)
        == 1
    )


async def test_e16_what_the_server_decides_cannot_be_sent(people: Crowd) -> None:
    alice, bob, match_id = await both(people, "Not yours to say")
    mine = {"session_id": UNKNOWN, "question_id": "easy", "partner_id": alice.user_id, "user_id": bob.user_id}
    body = {"match_id": match_id, "confirmed": True} | mine
    said = (await alice.call("POST", "/confirm", body)).expect(200)
    assert said == {"status": "waiting_for_partner", "match_id": match_id}
    opened = (await bob.confirm(match_id)).expect(200)
    assert (opened["session_id"] != UNKNOWN, opened["question_id"], opened["partner_id"]) == (
        True, "q-easy", alice.user_id,
    )  # fmt: skip


async def test_g1_nobody_looks_after_a_match_without_a_token(people: Crowd, target: Replica) -> None:
    _, _, match_id = await both(people, "Only with a token")
    for one in (match_id, UNKNOWN):
        expect_problem(await ask(target, head("GET", f"{BASE}/{one}/status", user=None)), 401, "unauthorized")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, id=f"G3 G4 {name}") for name in ("sessions", "ws", "health", "metrics", "requests", "x")],
)
async def test_a_match_captures_no_neighbour(target: Replica, name: str) -> None:
    expect_problem(await ask(target, head("GET", f"{BASE}/{name}/status")), 404, "not_found")
