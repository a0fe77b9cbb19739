"""POST /confirm and GET /{match_id}/status."""

from __future__ import annotations

from typing import Any

import pytest

from actors.matchmaker import Preparing
from domain.errors import MatchClosed, MatchNotFound, SessionAlreadyOpened
from domain.match import MatchState, Participant
from domain.reasons import EndReason
from domain.requeue import decline, recall
from tests.web import builders
from tests.web.builders import ALICE, BOB, MATCH_ID, REQUEST_ID, SESSION_ID, UNKNOWN_ID
from tests.web.conftest import Edge

YES = {"match_id": MATCH_ID, "confirmed": True}
NO = {"match_id": MATCH_ID, "confirmed": False}


async def test_the_first_yes_waits_for_the_partner(edge: Edge) -> None:
    answer = await edge.post("/confirm", YES)
    assert (answer.status, answer.body) == (200, {"status": "waiting_for_partner", "match_id": MATCH_ID})
    assert edge.matchmaker.asked == [("confirm", ALICE, MATCH_ID)]


@pytest.mark.parametrize(("user", "partner"), [(ALICE, BOB), (BOB, ALICE)])
async def test_the_second_yes_gets_the_session(edge: Edge, user: str | None, partner: str) -> None:
    edge.matchmaker.confirmed = builders.session()
    answer = await edge.post("/confirm", YES, user=user)
    expected = {"match_id": MATCH_ID, "session_id": SESSION_ID, "question_id": "q-1", "partner_id": partner}
    assert (answer.status, answer.body) == (200, expected)


async def test_a_slow_question_is_202(edge: Edge) -> None:
    edge.matchmaker.confirmed = Preparing(MATCH_ID)
    answer = await edge.post("/confirm", YES)
    assert (answer.status, answer.body) == (202, {"status": "preparing_session", "match_id": MATCH_ID})


async def test_a_no_cancels_and_requeues_the_partner(edge: Edge) -> None:
    edge.matchmaker.declined = decline(builders.match(), ALICE)
    answer = await edge.post("/confirm", NO)
    expected = {"status": "cancelled", "requeued_partner": True, "match_id": MATCH_ID}
    assert (answer.status, answer.body) == (200, expected)


async def test_a_repeated_no_gets_the_same_answer(edge: Edge) -> None:
    edge.matchmaker.declined = recall(builders.match(state=MatchState.DECLINED, declined_by=ALICE))
    assert (await edge.post("/confirm", NO)).body["requeued_partner"] is True


@pytest.mark.parametrize("body", [YES, NO])
async def test_a_closed_match_is_a_conflict_with_the_reason(edge: Edge, body: object) -> None:
    edge.matchmaker.confirmed = edge.matchmaker.declined = MatchClosed(MATCH_ID, EndReason.CONFIRMATION_TIMEOUT)
    answer = await edge.post("/confirm", body)
    assert (answer.status, answer.code) == (409, "match_closed")
    assert (answer.body["reason"], answer.body["match_id"]) == ("confirmation_timeout", MATCH_ID)


async def test_declining_an_open_session_is_a_conflict(edge: Edge) -> None:
    edge.matchmaker.declined = SessionAlreadyOpened(MATCH_ID, None)
    answer = await edge.post("/confirm", NO)
    assert (answer.status, answer.code, answer.body["session_id"]) == (409, "session_opened", None)


async def test_a_foreign_match_cannot_be_confirmed(edge: Edge) -> None:
    edge.matchmaker.confirmed = MatchNotFound(MATCH_ID)
    assert (await edge.post("/confirm", YES)).code == "match_not_found"


@pytest.mark.parametrize("confirmed", ["true", 1, 0, None, [], {}])
async def test_yes_and_no_are_booleans(edge: Edge, confirmed: object) -> None:
    answer = await edge.post("/confirm", YES | {"confirmed": confirmed})
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == ["confirmed"]


@pytest.mark.parametrize("match_id", ["", "nope", MATCH_ID.upper(), 7, None, f"{MATCH_ID}\n", "\ud800"])
async def test_the_match_is_named_by_a_uuid(edge: Edge, match_id: object) -> None:
    answer = await edge.post("/confirm", YES | {"match_id": match_id})
    assert answer.status == 422
    assert [error["field"] for error in answer.body["errors"]] == ["match_id"]


async def test_all_that_is_missing_is_named(edge: Edge) -> None:
    answer = await edge.post("/confirm", {})
    assert {error["field"] for error in answer.body["errors"]} == {"match_id", "confirmed"}


async def test_what_clients_may_not_decide_is_ignored(edge: Edge) -> None:
    answer = await edge.post("/confirm", YES | {"session_id": "mine", "question_id": "easy", "partner_id": "me"})
    assert answer.body == {"status": "waiting_for_partner", "match_id": MATCH_ID}


async def test_a_proposed_match_awaits_both(edge: Edge) -> None:
    edge.reads.matches[MATCH_ID] = builders.match(first=Participant(ALICE, REQUEST_ID, confirmed=True))
    answer = await edge.get(f"/{MATCH_ID}/status")
    assert answer.status == 200
    assert answer.body == {
        "confirm_status": False,
        "session_id": None,
        "status": "proposed",
        "you_confirmed": True,
        "partner_confirmed": False,
        "expires_at": "2025-11-12T06:42:23.123Z",
    }
    assert (await edge.get(f"/{MATCH_ID}/status", user=BOB)).body["partner_confirmed"] is True


async def test_both_confirmed_is_not_enough_to_show_the_session(edge: Edge) -> None:
    edge.reads.matches[MATCH_ID] = builders.match(
        state=MatchState.CONFIRMED, confirmed_at=builders.CREATED, session_id=SESSION_ID, question=builders.QUESTION
    )
    answer = await edge.get(f"/{MATCH_ID}/status")
    assert (answer.body["confirm_status"], answer.body["session_id"]) == (False, None)


async def test_a_ready_match_shows_the_session(edge: Edge) -> None:
    edge.reads.matches[MATCH_ID] = builders.ready_match()
    answer = await edge.get(f"/{MATCH_ID}/status")
    assert (answer.body["confirm_status"], answer.body["session_id"]) == (True, SESSION_ID)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": MatchState.DECLINED}, "declined"),
        ({"state": MatchState.EXPIRED}, "confirmation_timeout"),
        ({"state": MatchState.FAILED}, "session_unavailable"),
        ({"state": MatchState.PROPOSED, "overdue": True}, "confirmation_timeout"),
    ],
)
async def test_polling_an_ended_match_stops_with_404_and_the_reason(
    edge: Edge, changes: dict[str, Any], reason: str
) -> None:
    edge.reads.matches[MATCH_ID] = builders.match(**changes)
    answer = await edge.get(f"/{MATCH_ID}/status")
    assert (answer.status, answer.code, answer.body["reason"]) == (404, "match_closed", reason)
    assert '"status": 404' in answer.text


async def test_strangers_learn_nothing_about_a_match(edge: Edge) -> None:
    edge.reads.matches[MATCH_ID] = builders.match(state=MatchState.DECLINED)
    headers = {"X-Request-ID": "same"}
    foreign = await edge.get(f"/{MATCH_ID}/status", user="user-789", headers=headers)
    unknown = await edge.get(f"/{UNKNOWN_ID}/status", user="user-789", headers=headers)
    assert (foreign.status, foreign.code) == (404, "match_not_found")
    assert foreign.text == unknown.text


@pytest.mark.parametrize("name", ["sessions", "ws", "health", "metrics", "requests", "nope", MATCH_ID.upper()])
async def test_a_match_status_captures_no_neighbour(edge: Edge, name: str) -> None:
    assert (await edge.get(f"/{name}/status")).status == 404
