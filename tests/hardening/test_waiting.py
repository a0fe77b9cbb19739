"""C1 to C11 and D1 to D9: looking after a request, and cancelling it."""

from __future__ import annotations

import asyncio
import statistics
import time
from uuid import uuid4

import pytest

from tests.e2e.client import BASE, Crowd
from tests.e2e.replica import Replica
from tests.e2e.scenes import waiting
from tests.hardening.wire import ENDPOINTS, UNKNOWN, Answer, ask, expect_problem, head, wire

NIL = "00000000-0000-0000-0000-000000000000"
OTHER_SPELLINGS = {
    "C1 a number": "7",
    "C1 a word": "nope",
    "C2 upper case": UNKNOWN.upper(),
    "C2 braces": f"{{{UNKNOWN}}}",
    "C2 urn": f"urn:uuid:{UNKNOWN}",
    "C2 no dashes": UNKNOWN.replace("-", ""),
    "C3 unknown": UNKNOWN,
    "C5 nil": NIL,
    "D2 unknown": UNKNOWN,
    "D8 all of them": "*",
    "D8 id=*": "id=*",
    "D8 a list": f"{UNKNOWN},{UNKNOWN}",
}


@pytest.mark.parametrize("name", OTHER_SPELLINGS)
async def test_an_id_is_one_of_ours_or_404(target: Replica, name: str) -> None:
    for method, path in ENDPOINTS:
        if UNKNOWN in path:
            expect_problem(await ask(target, head(method, path.replace(UNKNOWN, OTHER_SPELLINGS[name]))), 404)


async def test_c4_d1_what_is_not_yours_is_unknown_in_the_same_bytes_and_the_same_time(
    target: Replica, people: Crowd
) -> None:
    theirs = await waiting(people.user("alice"), "Not yours")
    for method, path in (("GET", "/requests/{}/status"), ("DELETE", "/request/{}")):
        said: set[bytes] = set()
        lasted: dict[bool, list[float]] = {True: [], False: []}
        async with wire(target) as line:
            for turn in range(200):
                is_theirs = turn % 2 == 0
                target_path = BASE + path.format(theirs if is_theirs else uuid4())
                began = time.perf_counter()
                await line.send(head(method, target_path, "X-Request-ID: same", user="eve"))
                answer = await line.answer()
                lasted[is_theirs].append(time.perf_counter() - began)
                expect_problem(answer, 404, "request_not_found")
                said.add(answer.raw)
        assert len(said) == 1
        medians = [statistics.median(times) for times in lasted.values()]
        assert max(medians) < 2 * min(medians)


async def test_c6_d3_an_ended_request_goes_on_saying_how(people: Crowd) -> None:
    alice = people.user("alice")
    request_id = await waiting(alice, "To be cancelled")
    for _ in range(2):
        assert (await alice.cancel(request_id)).expect(200) == {"message": "Match request cancelled"}
        assert (await alice.request_status(request_id)).expect(200) == {"status": "cancelled"}


async def test_c6_d5_a_request_that_timed_out_says_so_and_is_not_cancelled(hasty: Replica) -> None:
    async with Crowd(hasty) as crowd:
        alice = await crowd.connected("alice")
        request_id = await waiting(alice, "In vain")
        await alice.frame("request_timeout")
        assert (await alice.request_status(request_id)).expect(200) == {"status": "timeout"}
        problem = (await alice.cancel(request_id)).expect(409)
        assert (problem["code"], problem["request_id"]) == ("request_timed_out", request_id)


async def test_c7_the_match_is_named_to_those_in_it_only(people: Crowd) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    request_id = await waiting(alice, "Named")
    await waiting(bob, "Named")
    match_id = (await alice.frame("match_found"))["match_id"]
    assert (await alice.request_status(request_id)).expect(200) == {"status": "matched", "match_id": match_id}
    assert match_id.encode() not in (await bob.request_status(request_id)).raw


@pytest.mark.parametrize(
    ("length", "status"), [pytest.param(100, 404, id="C8 D7 a little"), pytest.param(16_385, 404, id="C8 D7 too much")]
)
async def test_a_body_where_none_is_read_is_ignored(target: Replica, length: int, status: int) -> None:
    for method, path in ENDPOINTS[3:]:
        async with wire(target) as line:
            await line.send(head(method, path, f"Content-Length: {length}") + b"{" * length)
            expect_problem(await line.answer(), status)
            await line.send(head("GET", "/health", user=None))
            assert (await line.answer()).status == 200, "and the line goes on"


async def test_c9_head_answers_what_get_does_without_the_body(target: Replica, people: Crowd) -> None:
    alice = people.user("headed")
    request_id = await waiting(alice, "Headed")
    places = [path for method, path in ENDPOINTS if method == "GET"]
    for path in [*places, "/health", "/health/ready", "/openapi.json", f"{BASE}/requests/{request_id}/status", "/nope"]:
        whole, without = await _got(target, "GET", path), await _got(target, "HEAD", path)
        assert (without.status, without.headers.keys()) == (whole.status, whole.headers.keys()), path
        assert without.headers["Content-Type"] == whole.headers["Content-Type"]
        assert abs(int(without.headers["Content-Length"]) - int(whole.headers["Content-Length"])) < 10
    for method, path in ENDPOINTS:
        if method != "GET":
            answer = await ask(target, head("HEAD", path), has_body=False)
            assert (answer.status, answer.headers["Allow"]) == (405, method)


async def _got(target: Replica, method: str, path: str) -> Answer:
    """The answer, after which the line is fit for another one."""
    async with wire(target) as line:
        await line.send(head(method, path, user="headed"))
        answer = await line.answer(has_body=method != "HEAD")
        await line.send(head("GET", "/health", user=None))
        assert (await line.answer()).status == 200
        return answer


async def test_c11_nothing_is_kept_by_anybody_on_the_way(target: Replica) -> None:
    for line in ("If-None-Match: *", 'If-None-Match: "x"', "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"):
        for method, path in ENDPOINTS[3:]:
            answer = await ask(target, head(method, path, line))
            expect_problem(answer, 404)
            assert answer.headers["Cache-Control"] == "no-store"
        assert (await ask(target, head("GET", "/health", line, user=None))).status == 200


async def test_d4_cancelling_a_match_declines_it(people: Crowd) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    request_id = await waiting(alice, "Cancelled late")
    await waiting(bob, "Cancelled late")
    await alice.frame("match_found")
    (await alice.cancel(request_id)).expect(200)
    ended = await bob.frame("match_expired")
    assert (ended["reason"], ended["requeued"]) == ("declined", True)


async def test_d4_after_both_confirmed_it_is_409_with_the_session(people: Crowd) -> None:
    alice, bob = await people.connected("alice"), await people.connected("bob")
    request_id = await waiting(alice, "Confirmed already")
    await waiting(bob, "Confirmed already")
    match_id = (await alice.frame("match_found"))["match_id"]
    for user in (alice, bob):
        (await user.confirm(match_id)).expect(200)
    session_id = (await alice.frame("match_ready"))["session_id"]
    problem = (await alice.cancel(request_id)).expect(409)
    assert (problem["code"], problem["match_id"], problem["session_id"]) == ("session_opened", match_id, session_id)


async def test_d6_cancelling_at_the_moment_of_the_match_has_one_outcome(people: Crowd) -> None:
    async def pair(number: int) -> None:
        alice, bob = people.user("alice"), people.user("bob")
        request_id = await waiting(alice, f"Race {number}")
        cancelled, found = await asyncio.gather(
            alice.insist(lambda: alice.cancel(request_id)), bob.insist(lambda: bob.find(f"Race {number}"))
        )
        assert (cancelled.status, found.status in (200, 201)) == (200, True)
        assert (await alice.request_status(request_id)).expect(200) == {"status": "cancelled"}
        assert (await alice.active()).status == 404

    await asyncio.gather(*map(pair, range(50)))
