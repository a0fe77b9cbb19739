"""I1, I2, I8, I9 and I10 can fail."""

import pytest

from tests.chaos.checker.cancelling import cancelled_stays_cancelled
from tests.chaos.checker.case import Case
from tests.chaos.checker.finding import Finding
from tests.chaos.checker.keeping import every_request_is_kept
from tests.chaos.checker.living import one_at_a_time
from tests.chaos.checker.states import only_drawn_moves, time_is_postgres_time
from tests.chaos.evidence import Absence
from tests.chaos.story import Story, a_session, a_story


def said(finding: Finding) -> list[str]:
    return [one.what for one in finding.violations]


# -- I1 ----------------------------------------------------------------------------------------------


def test_two_live_requests_of_one_user_are_seen() -> None:
    story = a_story()
    story.cancels("gil", story.asks("gil", 30.0), 32.0)
    assert said(one_at_a_time(story.case())) == []
    story.asks("hal", 30.0)
    story.asks("hal", 31.0, topic="Graph")
    assert said(one_at_a_time(story.case())) == ["2 live requests at once"]


def test_two_live_matches_of_one_user_are_seen() -> None:
    story = a_story()
    first, second, third = (story.asks(name, 30.0) for name in ("gil", "hal", "ida"))
    story.pairs(first, second, 30.1)
    story.pairs(first, third, 30.2)
    assert "2 live matches at once" in said(one_at_a_time(story.case()))


def test_a_match_that_did_not_take_its_requests_is_seen() -> None:
    story = a_story()
    match_id = story.pairs(story.asks("gil", 30.0), story.asks("hal", 30.0), 30.1)
    story.audit = [row for row in story.audit if row["match_id"] != match_id or row.get("user_id") != "hal"]
    assert said(one_at_a_time(story.case())) == ["its requests did not become matched with it"]


def test_requests_of_a_match_that_is_not_there_are_seen() -> None:
    story = a_story()
    del story.matches[story.pairs(story.asks("gil", 30.0), story.asks("hal", 30.0), 30.1)]
    assert said(one_at_a_time(story.case())) == ["requests became matched with a match that is not there"]


def test_one_request_with_two_sessions_is_seen() -> None:
    story = a_story()
    one, other = (a_session(story, first, second, 30.0) for first, second in (("gil", "hal"), ("ida", "jim")))
    story.matches[other]["request1_id"] = story.matches[one]["request1_id"]
    assert "one request, two sessions" in said(one_at_a_time(story.case()))


# -- I2 ----------------------------------------------------------------------------------------------


def test_an_acknowledged_request_that_is_gone_is_seen() -> None:
    story = a_story()
    del story.requests[story.asks("gil", 30.0)]
    assert said(every_request_is_kept(story.case())) == ["acknowledged, and not there"]


def test_a_request_that_never_ends_is_seen() -> None:
    story = a_story()
    story.asks("gil", 30.0)
    assert said(every_request_is_kept(story.case())) == ["still pending at the end"]


def test_a_request_that_is_pending_too_long_is_seen_unless_postgres_was_away() -> None:
    story = a_story()
    story.times_out(story.asks("gil", 30.0), 44.0)
    assert said(every_request_is_kept(story.case())) == ["pending 1.0 s too long"]
    story.breaks("redis", at=35.0, until=43.0)
    assert len(said(every_request_is_kept(story.case()))) == 1
    story.breaks("postgres", at=35.0, until=43.0)
    assert said(every_request_is_kept(story.case())) == []


def test_an_absence_from_the_index_is_seen() -> None:
    story = a_story()
    story.absences.append(Absence(request_id="r", since=10.0, until=16.5))
    assert said(every_request_is_kept(story.case())) == ["absent from the index for 6.5 s"]


# -- I8 ----------------------------------------------------------------------------------------------


def test_a_move_that_is_not_drawn_is_seen() -> None:
    story = a_story()
    request_id = story.asks("gil", 30.0)
    story.times_out(request_id, 38.1)
    story.becomes(request_id, "pending", 39.0)
    assert said(only_drawn_moves(story.case())) == ["request: timeout to pending"]


def test_a_move_that_nobody_saw_is_seen() -> None:
    story = a_story()
    request_id = story.asks("gil", 30.0)
    story.requests[request_id]["status"] = "cancelled"
    assert said(only_drawn_moves(story.case())) == ["request: last seen pending, and is cancelled"]
    story.audit = [row for row in story.audit if row["id"] != request_id]
    assert said(only_drawn_moves(story.case())) == ["request: nobody saw it come"]


def test_a_gap_in_the_story_of_a_match_is_seen() -> None:
    story = a_story()
    match_id = a_session(story, "gil", "hal", 30.0)
    story.audit = [row for row in story.audit if (row["id"], row["new"]) != (match_id, "confirmed")]
    assert said(only_drawn_moves(story.case())) == ["match: proposed, then confirmed"]


# -- I9 ----------------------------------------------------------------------------------------------


def test_a_cancelled_request_that_is_not_cancelled_is_seen() -> None:
    story = a_story()
    request_id = story.asks("gil", 30.0)
    story.calls("gil", "cancel", 31.0, {"request_id": request_id}, {})
    story.times_out(request_id, 38.1)
    assert said(cancelled_stays_cancelled(story.case())) == ["cancelled, and is timeout"]


def test_a_session_for_a_cancelled_request_is_seen() -> None:
    story = a_story()
    match_id = a_session(story, "gil", "hal", 30.0)
    request_id = story.matches[match_id]["request1_id"]
    story.requests[request_id]["status"] = "matched"
    story.cancels("gil", request_id, 30.2)
    assert said(cancelled_stays_cancelled(story.case())) == ["a session for a cancelled request"]


@pytest.mark.parametrize(
    ("code", "truth"),
    [("session_opened", True), ("request_timed_out", False), ("match_closed", False)],
)
def test_a_refusal_to_cancel_must_be_true(code: str, truth: bool) -> None:
    story = a_story()
    match = story.matches[a_session(story, "gil", "hal", 30.0)]
    got = {"code": code, "match_id": match["id"], "session_id": match["session_id"]}
    story.calls("gil", "cancel", 40.0, {"request_id": match["request1_id"]}, got, status=409)
    assert bool(said(cancelled_stays_cancelled(story.case()))) is not truth


# -- I10 ---------------------------------------------------------------------------------------------


def timing_out(at: float) -> Story:
    story = a_story()
    story.times_out(story.asks("gil", 30.0), at)
    return story


def looked(story: Story) -> list[str]:
    case: Case = story.case()
    return said(time_is_postgres_time(case))


def test_a_search_that_ends_too_early_or_too_late_is_seen() -> None:
    assert looked(timing_out(37.9)) == ["request: 0.100 s too early"]
    assert looked(timing_out(38.0)) == []
    assert looked(timing_out(43.5)) == ["request: 5.5 s too late"]


def test_a_search_may_end_late_while_something_is_broken() -> None:
    story = timing_out(43.5)
    story.breaks("replica-1", at=36.0, until=39.0)
    assert looked(story) == []
    story.faults.clear()
    story.breaks("rabbitmq", at=36.0, until=39.0)
    assert len(looked(story)) == 1


def test_a_match_that_expires_too_early_or_is_decided_too_late_is_seen() -> None:
    story = a_story()
    early = story.pairs(story.asks("gil", 30.0), story.asks("hal", 30.0), 30.1)
    story.ends(early, "expired", 36.0, {"gil": "timeout", "hal": "timeout"})
    late = story.pairs(story.asks("ida", 30.0), story.asks("jim", 30.0), 30.1)
    story.declines("ida", late, 41.3)
    assert looked(story) == ["match: 0.100 s too early", "match: 5.2 s too late"]


def test_a_deadline_that_moves_is_kept_as_moved_and_only_may_where_something_was_broken() -> None:
    story = a_story()
    match = story.pairs(story.asks("gil", 30.0), story.asks("hal", 30.0), 30.1)
    story.matches[match]["deadline"] += 20
    story.ends(match, "expired", 56.2, {"gil": "timeout", "hal": "timeout"})
    assert looked(story) == ["match: deadline moved, and nothing was broken"]
    story.breaks("postgres", at=31.0, until=51.0)
    assert looked(story) == []
