"""A Question Service that is slow, wrong, or not there."""

from __future__ import annotations

import asyncio

from aiohttp import web

from tests.e2e.client import Client, Crowd
from tests.e2e.conftest import Moody, Spawn
from tests.e2e.scenes import enter, meet

BUDGET_SECONDS = 3


async def _confirmed(moody: Moody, topic: str) -> tuple[Client, Client, str]:
    """Two who both confirmed, and were told to wait."""
    alice, bob = await moody.crowd.connected("alice"), await moody.crowd.connected("bob")
    match_id = await meet(alice, bob, topic)
    (await alice.confirm(match_id)).expect(200)
    answer = (await bob.confirm(match_id)).expect(202)
    assert answer == {"status": "preparing_session", "match_id": match_id}
    return alice, bob, match_id


async def _both_wait_again(alice: Client, bob: Client, match_id: str) -> None:
    for user in (alice, bob):
        ended = await user.frame("match_expired", seconds=BUDGET_SECONDS + 9)
        assert (ended["match_id"], ended["reason"], ended["requeued"]) == (match_id, "session_unavailable", True)
        problem = (await user.match_status(match_id)).expect(404)
        assert (problem["code"], problem["reason"]) == ("match_closed", "session_unavailable")


async def test_a_slow_one_is_waited_for_elsewhere(moody: Moody, topic: str) -> None:
    released = moody.questions.holds()
    alice, bob, match_id = await _confirmed(moody, topic)
    assert (await alice.confirm(match_id)).expect(202)["status"] == "preparing_session"
    status = (await alice.match_status(match_id)).expect(200)
    assert (status["confirm_status"], status["session_id"], status["status"]) == (False, None, "confirmed")
    (await alice.active()).expect(404)
    released.set()
    ready = await alice.frame("match_ready")
    assert (await bob.frame("match_ready"))["session_id"] == ready["session_id"]
    assert (await bob.confirm(match_id)).expect(200)["session_id"] == ready["session_id"]


async def test_wrong_answers_end_the_match_in_time_and_both_wait_again(moody: Moody, topic: str) -> None:
    said = {"none": "[]", "html": "<html>", "wrong": '{"detail": 7}', "broken": "", "moved": ""}

    async def behaviour(request: web.Request) -> web.StreamResponse:
        kind = request.query["topics"].rsplit(" ", 1)[1]
        status, headers = {"broken": (500, {}), "moved": (302, {"Location": "http://127.0.0.1:1/"})}.get(
            kind, (200, {})
        )
        return web.Response(text=said[kind], status=status, headers=headers, content_type="application/json")

    async def pair(kind: str) -> None:
        await _both_wait_again(*await _confirmed(moody, f"{topic} {kind}"))

    moody.questions.behaviour = behaviour
    await asyncio.gather(*(pair(kind) for kind in said))


async def test_while_it_is_away_both_wait_again_and_when_it_is_back_they_go_on(moody: Moody, topic: str) -> None:
    await moody.questions.close()
    try:
        alice, bob, match_id = await _confirmed(moody, topic)
        await _both_wait_again(alice, bob, match_id)
    finally:
        await moody.questions.open()
    again = [await user.tabs[-1].frame("match_found") for user in (alice, bob)]
    new = again[0]["match_id"]
    assert (new, again[0]["partner_id"]) == (again[1]["match_id"], bob.user_id)
    assert new != match_id
    assert (await alice.confirm(new)).expect(200)["status"] == "waiting_for_partner"
    assert (await bob.confirm(new)).status in (200, 202)
    assert (await alice.frame("match_ready"))["match_id"] == new


async def test_without_any_a_developer_gets_the_built_in_questions(spawn: Spawn, topic: str) -> None:
    replica = await spawn(ENV="dev", QUESTION_SERVICE_URL="")
    async with Crowd(replica) as crowd:
        alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
        ready = await enter(alice, bob, topic)
        question = (await alice.session(ready["session_id"])).expect(200)["question"]
        assert (question["id"], question["difficulty"]) == (ready["question_id"], "easy")
        assert [line for line in replica.said() if line.get("action") == "use_question_bank"]
