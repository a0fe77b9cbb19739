from __future__ import annotations

import pytest

from tests.chaos.evidence import Outcome
from tests.chaos.people.caller import Answer
from tests.chaos.people.standing import Standing


def ok(**body: object) -> Answer:
    return Answer(Outcome.OK, 200, body)


def fail(status: int, **body: object) -> Answer:
    return Answer(Outcome.FAIL, status, body)


@pytest.fixture
def standing() -> Standing:
    """Asked, and waiting."""
    made = Standing()
    made.begin()
    made.asked(ok(id="r1"))
    return made


@pytest.fixture
def matched(standing: Standing) -> Standing:
    standing.heard({"type": "match_found", "match_id": "m1", "partner_id": "bob"})
    return standing


def where(standing: Standing) -> tuple[str, str, bool]:
    return standing.match_id, standing.session_id, standing.is_over


def test_nobody_waits_before_having_asked() -> None:
    standing = Standing()
    standing.asked(Answer(Outcome.UNKNOWN))
    assert not standing.is_waiting


def test_a_conflict_says_where_one_stands() -> None:
    standing = Standing()
    standing.asked(fail(409, code="live_request_exists", request_id="r0", match_id="m0"))
    assert (standing.request_id, standing.match_id, standing.is_waiting) == ("r0", "m0", True)


def test_a_match_is_heard_of_by_a_frame_a_look_or_a_greeting(standing: Standing) -> None:
    standing.looked(ok(status="matched", match_id="m1"), "")
    assert where(standing) == ("m1", "", False)
    standing.heard({"type": "match_found", "match_id": "m1", "partner_id": "bob"})
    assert (standing.match_id, standing.partner_id) == ("m1", "bob")
    match = {"match_id": "m2", "partner_id": "carol"}
    standing.heard({"type": "state", "request": {"id": "r1"}, "match": match, "session": None})
    assert (standing.match_id, standing.partner_id) == ("m2", "carol")


def test_a_match_that_was_over_stays_so(matched: Standing) -> None:
    matched.heard({"type": "match_expired", "match_id": "m1", "requeued": True, "request_id": "r1"})
    assert where(matched) == ("", "", False)
    matched.looked(ok(status="matched", match_id="m1"), "")
    matched.heard({"type": "match_found", "match_id": "m1", "partner_id": "bob"})
    assert where(matched) == ("", "", False)


def test_a_look_that_was_taken_before_the_match_does_not_end_it(matched: Standing) -> None:
    matched.looked(ok(status="pending"), "")
    assert matched.match_id == "m1"
    matched.looked(ok(status="pending"), "m1")
    assert matched.match_id == ""


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "match_expired", "match_id": "m1", "requeued": False, "request_id": "r1"},
        {"type": "request_timeout", "request_id": "r1"},
    ],
)
def test_a_frame_ends_the_search(matched: Standing, frame: dict[str, object]) -> None:
    matched.heard(frame)
    assert matched.is_over
    assert not matched.is_waiting


def test_the_end_of_an_older_search_is_no_news(matched: Standing) -> None:
    matched.heard({"type": "request_timeout", "request_id": "r0"})
    matched.heard({"type": "match_expired", "match_id": "m0", "requeued": False, "request_id": "r0"})
    assert where(matched) == ("m1", "", False)


@pytest.mark.parametrize("status", ["cancelled", "timeout"])
def test_a_look_ends_the_search(standing: Standing, status: str) -> None:
    standing.looked(ok(status=status), "")
    assert standing.is_over


def test_the_session_is_heard_of_by_a_frame_a_confirmation_or_a_look(matched: Standing) -> None:
    matched.confirmed(ok(status="waiting_for_partner", match_id="m1"), "m1")
    matched.looked_at_match(ok(confirm_status=False, session_id=None), "m1")
    assert matched.is_waiting
    matched.looked_at_match(ok(confirm_status=True, session_id="s1"), "m1")
    assert where(matched) == ("m1", "s1", False)
    assert not matched.is_waiting


def test_the_session_of_an_older_match_is_not_the_one_waited_for(matched: Standing) -> None:
    matched.confirmed(ok(match_id="m1", session_id="s1"), "m1")
    matched.begin()
    matched.asked(ok(id="r2"))
    session = {"match_id": "m1", "session_id": "s1", "partner_id": "bob"}
    matched.heard({"type": "state", "request": {"id": "r2"}, "match": None, "session": session})
    matched.heard({"type": "match_ready", **session})
    assert where(matched) == ("", "", False)


def test_a_refused_confirmation_means_that_the_match_is_over(matched: Standing) -> None:
    matched.confirmed(fail(409, code="match_closed", match_id="m1"), "m1")
    assert where(matched) == ("", "", False)


def test_a_cancel_that_comes_too_late_finds_the_session(matched: Standing) -> None:
    matched.cancelled(fail(409, code="session_opened", match_id="m1", session_id="s1"))
    assert where(matched) == ("m1", "s1", False)


@pytest.mark.parametrize("answer", [ok(message="Match request cancelled"), fail(409, code="request_timed_out")])
def test_a_cancel_ends_the_search(matched: Standing, answer: Answer) -> None:
    matched.cancelled(answer)
    assert matched.is_over


def test_whoever_declines_waits_no_more(matched: Standing) -> None:
    matched.declined(Answer(Outcome.UNKNOWN), "m1")
    assert matched.is_waiting
    matched.declined(ok(status="cancelled"), "m1")
    assert matched.is_over


async def test_news_wakes_whoever_waits_and_is_news_once(standing: Standing) -> None:
    assert not await standing.changes(0)
    standing.heard({"type": "match_found", "match_id": "m1", "partner_id": "bob"})
    assert await standing.changes(10)
    standing.heard({"type": "match_found", "match_id": "m1", "partner_id": "bob"})
    assert not await standing.changes(0)
