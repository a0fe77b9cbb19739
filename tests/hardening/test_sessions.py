"""H1 to H5, J1 to J7, K1 to K7: the active session, any session, and leaving one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from tests.e2e.client import BASE, Client, Crowd
from tests.e2e.conftest import Redis
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter, meet
from tests.hardening.wire import UNKNOWN, ask, expect_problem, head, post

MARKUP = "<script>alert(1)</script>\u2028"


async def entered(people: Crowd, topic: str) -> tuple[Client, Client, str]:
    """Two in a session, and its id."""
    alice, bob = await people.connected("alice"), await people.connected("bob")
    return alice, bob, (await enter(alice, bob, topic))["session_id"]


async def test_h1_h2_j3_without_a_session_and_after_leaving_it_is_404(people: Crowd) -> None:
    alice, bob, session_id = await entered(people, "Left")
    assert (await people.user().active()).expect(404)["code"] == "session_not_found"
    (await alice.leave(session_id)).expect(200)
    (await alice.active()).expect(404)
    assert (await bob.active()).expect(200)["session_id"] == session_id
    (await alice.session(session_id)).expect(404)
    (await bob.session(session_id)).expect(200)


async def test_h3_of_two_sessions_the_newest_is_active(people: Crowd) -> None:
    alice, _, old = await entered(people, "The old one")
    carol = await people.connected("carol")
    new = (await enter(alice, carol, "The new one"))["session_id"]
    assert (await alice.active()).expect(200)["session_id"] == new != old


async def test_h4_j5_what_redis_forgot_or_spoilt_is_read_from_postgres(people: Crowd, memory: Redis) -> None:
    alice, bob, session_id = await entered(people, "Forgotten")
    whole = (await alice.session(session_id)).expect(200)
    key = f"session:{session_id}"
    await memory.delete(key)
    assert (await alice.active()).expect(200)["session_id"] == session_id
    assert (await bob.session(session_id)).expect(200) == whole
    spoilt: list[dict[str, str | bytes]] = [
        {"question": "{", "users": "[", "code": b"\xff\xfe"},
        {"question": '{"id": 7}', "users": '{"a": 1}'},
        {"question": "null", "users": "null", "match_id": "x"},
    ]
    for mapping in (None, *spoilt):
        await memory.delete(key)
        await (memory.hset(key, mapping=mapping) if mapping else memory.set(key, "a string"))
        seen = (await bob.session(session_id)).expect(200)
        assert {name: seen[name] for name in ("question", "users")} == {n: whole[n] for n in ("question", "users")}
        (await alice.active()).expect(200)


async def test_h5_nobody_scans(people: Crowd, memory: Redis) -> None:
    async def scans() -> int:
        stats = await memory.info("commandstats")
        return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("scan", "keys", "hscan"))

    before = await scans()
    alice, _, session_id = await entered(people, "Not scanned")
    for _ in range(20):
        (await alice.active()).expect(200)
        (await alice.session(session_id)).expect(200)
    (await alice.leave(session_id)).expect(200)
    assert await scans() == before


async def test_j1_j2_a_session_is_shown_to_its_members_only(people: Crowd, target: Replica) -> None:
    _, _, session_id = await entered(people, "Members only")
    for one in (session_id, UNKNOWN):
        for line in ([], ["Authorization: Bearer undefined"]):
            expect_problem(await ask(target, head("GET", f"{BASE}/session/{one}", *line, user=None)), 401)
    foreign, unknown = [
        await ask(target, head("GET", f"{BASE}/session/{one}", "X-Request-ID: same", user="eve"))
        for one in (session_id, UNKNOWN)
    ]
    expect_problem(foreign, 404, "session_not_found")
    assert foreign.raw == unknown.raw


STRANGE = ["*", "%3F", "[a-z]*", "a:b", "a%0ab", "%00", UNKNOWN.upper(), f"{UNKNOWN}*", "%7Bx%7D", ".."]


@pytest.mark.parametrize("text", [pytest.param(text, id=f"J4 {text}") for text in STRANGE])
async def test_a_strange_session_is_404(target: Replica, text: str) -> None:
    expect_problem(await ask(target, head("GET", f"{BASE}/session/{text}")), 404, "session_not_found")


async def test_j6_j7_what_is_typed_is_passed_on_whole_and_stays_text(people: Crowd, memory: Redis) -> None:
    alice, _, session_id = await entered(people, "Typed")
    for code in (MARKUP, "x" * 2**20):
        await memory.hset(f"session:{session_id}", "code", code)
        answer = await alice.session(session_id)
        assert answer.expect(200)["code"] == code
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


BODIES = {
    "K1 nothing": {},
    "K1 null": {"session_id": None},
    "K1 a word": {"session_id": "undefined"},
    "K1 a list": {"session_id": [UNKNOWN]},
}


@pytest.mark.parametrize("name", BODIES)
async def test_leaving_names_a_session(target: Replica, name: str) -> None:
    answer = await post(target, json.dumps(BODIES[name]).encode(), path=f"{BASE}/sessions/leave")
    expect_problem(answer, 422, "invalid_body")
    assert [error["field"] for error in answer.body["errors"]] == ["session_id"]


async def test_k2_k7_a_foreign_session_and_one_that_is_not_open_yet_are_404(people: Crowd, target: Replica) -> None:
    _, _, session_id = await entered(people, "Foreign session")
    carol, dave = await people.connected("carol"), await people.connected("dave")
    match_id = await meet(carol, dave, "Not open yet")
    (await carol.confirm(match_id)).expect(200)
    said = set()
    for one, user in ((session_id, "eve"), (UNKNOWN, "eve"), (match_id, carol.user_id)):
        body = json.dumps({"session_id": one}).encode()
        answer = await post(target, body, "X-Request-ID: same", path=f"{BASE}/sessions/leave", user=user)
        expect_problem(answer, 404, "session_not_found")
        said.add(answer.raw)
    assert len(said) == 1


async def test_k3_k4_both_leave_many_times_and_each_hears_of_it_once(people: Crowd) -> None:
    alice, bob, session_id = await entered(people, "Left by both")
    for status in ("left", "ok", "ok"):
        assert (await alice.leave(session_id)).expect(200) == {"status": status}
    assert (await bob.frame("partner_left"))["user_id"] == alice.user_id
    carol, dave, other = await entered(people, "Left at once")
    answers = await asyncio.gather(*(user.leave(other) for user in (carol, dave) for _ in range(10)))
    assert Counter(answer.expect(200)["status"] for answer in answers) == {"left": 2, "ok": 18}
    for user in (bob, carol, dave):
        assert len(user.tabs[0].of("partner_left")) <= 1
        state = await user.reload()
        assert (state["session"] is None) == (user is not bob)
