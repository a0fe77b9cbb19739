"""P0: an answer that was not true is seen."""

import pytest

from tests.chaos.checker.answers import every_answer_was_true
from tests.chaos.checker.finding import Finding
from tests.chaos.story import a_story


def said(finding: Finding) -> list[str]:
    return [one.what for one in finding.violations]


def lies(name: str, got: dict[str, object], at: float, *, status: int = 200, user_id: str = "ann") -> list[str]:
    """What is said of an answer given at *at* in the flawless story."""
    story = a_story()
    match = next(iter(story.matches.values()))
    known = {"R": match["request1_id"], "M": match["id"], "S": match["session_id"]}
    sent = {"request_id": known["R"], "match_id": known["M"], "session_id": known["S"]}
    told = {key: known.get(str(value), value) for key, value in got.items()}
    story.calls(user_id, name, at, sent, told, status=status)
    return said(every_answer_was_true(story.case()))


MATCHED = {"status": "matched", "match_id": "M"}
CLOSED = {"status": "closed", "confirm_status": True, "session_id": "S", "you_confirmed": True}
PROPOSED = {"status": "proposed", "confirm_status": False, "session_id": None, "you_confirmed": True}
WAITING = {"status": "waiting_for_partner", "match_id": "M"}
SESSION = {"match_id": "M", "session_id": "S"}


@pytest.mark.parametrize(
    ("name", "got", "true", "untrue"),
    [
        ("status", MATCHED, 3.0, 1.05),
        ("status", {"status": "pending"}, 1.05, 5.0),
        ("match_status", CLOSED, 4.0, 2.0),
        ("match_status", PROPOSED, 1.6, 1.2),
        ("confirm", WAITING, 1.6, 1.2),
        ("confirm", SESSION, 2.5, 1.6),
        ("leave", {"status": "ok"}, 3.1, 2.5),
        ("active", SESSION, 2.5, 1.5),
        ("session", SESSION, 2.5, 4.5),
    ],
)
def test_an_answer_that_was_not_true_is_seen(name: str, got: dict[str, object], true: float, untrue: float) -> None:
    assert lies(name, got, true) == []
    assert len(lies(name, got, untrue)) == 1


@pytest.mark.parametrize(
    ("name", "code", "true", "untrue"),
    [("confirm", "session_opened", 2.5, 1.5), ("request", "live_request_exists", 1.5, 5.0)],
)
def test_a_refusal_that_was_not_true_is_seen(name: str, code: str, true: float, untrue: float) -> None:
    assert lies(name, {"code": code, "request_id": "R"}, true, status=409) == []
    assert len(lies(name, {"code": code, "request_id": "R"}, untrue, status=409)) == 1


@pytest.mark.parametrize("name", ["active", "session"])
def test_a_session_that_is_not_found_though_it_is_open_is_seen(name: str) -> None:
    story = a_story()
    match = next(iter(story.matches.values()))
    match["user1_left_at"] = None
    sent = {"session_id": match["session_id"]}
    for at in (1.5, 5.0):
        story.calls("ann", name, at, sent, {"code": "session_not_found"}, status=404)
    lies_told = [one for one in every_answer_was_true(story.case()).violations if one.what.startswith(name)]
    assert [one.at for one in lies_told] == [pytest.approx(5.02)]


@pytest.mark.parametrize("name", ["status", "cancel"])
def test_a_request_of_one_s_own_that_is_not_found_is_seen(name: str) -> None:
    assert len(lies(name, {"code": "request_not_found"}, 3.0, status=404)) == 1
    assert lies(name, {"code": "request_not_found"}, 3.0, status=404, user_id="zed") == []


def test_a_match_of_one_s_own_must_be_found_and_closed_only_when_it_is() -> None:
    assert len(lies("match_status", {"code": "match_not_found"}, 3.0, status=404)) == 1
    assert lies("match_status", {"code": "match_closed", "reason": "declined"}, 3.0, status=404) != []


def test_a_match_that_was_declined_must_be_declined() -> None:
    assert lies("decline", {"status": "cancelled", "match_id": "M"}, 1.5) == [
        "decline 200: the match is not declined by its caller"
    ]
