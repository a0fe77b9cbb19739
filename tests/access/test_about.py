"""The check that a frame is about whoever gets it has to be able to fail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.about import CHECKS, Meeting, Truth, complaints, disagreements
from web.frames import SENT

REQUEST, FOREIGN_REQUEST = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
MATCH, FOREIGN_MATCH, DECLINED = (f"00000000-0000-7000-8000-00000000000{number}" for number in (3, 4, 5))
SESSION, FOREIGN_SESSION = "00000000-0000-7000-8000-000000000006", "00000000-0000-7000-8000-000000000007"


def meeting(users: tuple[str, str], session_id: str | None, status: str = "ready") -> Meeting:
    return Meeting(users=users, bucket=("easy", "Array"), status=status, session_id=session_id, question_id="q-1")


TRUTH = Truth(
    {REQUEST: "ann", FOREIGN_REQUEST: "cat"},
    {
        MATCH: meeting(("ann", "ben"), SESSION),
        FOREIGN_MATCH: meeting(("cat", "dan"), FOREIGN_SESSION),
        DECLINED: meeting(("ann", "ben"), None, "declined"),
    },
)

FOUND = {"type": "match_found", "match_id": MATCH, "partner_id": "ben", "difficulty": "easy", "topic": "Array"}
READY = {"type": "match_ready", "match_id": MATCH, "session_id": SESSION, "question_id": "q-1", "partner_id": "ben"}
EXPIRED = {"type": "match_expired", "match_id": DECLINED, "reason": "declined", "requeued": True, "request_id": REQUEST}
TIMEOUT = {"type": "request_timeout", "request_id": REQUEST}
LEFT = {"type": "partner_left", "session_id": SESSION, "user_id": "ben"}
CONFIRMED = {"type": "partner_confirmed", "match_id": MATCH}
NOW = {name: value for name, value in FOUND.items() if name != "type"}
STATE: dict[str, Any] = {
    "type": "state",
    "request": {"id": REQUEST, "match_id": MATCH},
    "match": NOW,
    "session": {"match_id": MATCH, "session_id": SESSION, "partner_id": "ben"},
}
RIGHT: tuple[dict[str, Any], ...] = (FOUND, READY, EXPIRED, TIMEOUT, LEFT, CONFIRMED, STATE, {"type": "pong"})

WRONG: dict[str, dict[str, Any]] = {
    "a match of others": CONFIRMED | {"match_id": FOREIGN_MATCH},
    "a match that does not exist": FOUND | {"match_id": "00000000-0000-7000-8000-00000000ffff"},
    "another partner": FOUND | {"partner_id": "cat"},
    "oneself as partner": READY | {"partner_id": "ann"},
    "another topic": FOUND | {"topic": "Graph"},
    "another difficulty": FOUND | {"difficulty": "hard"},
    "a session of others": READY | {"session_id": FOREIGN_SESSION},
    "another question": READY | {"question_id": "q-2"},
    "a request of others": TIMEOUT | {"request_id": FOREIGN_REQUEST},
    "a request of others beside one's match": EXPIRED | {"request_id": FOREIGN_REQUEST},
    "an ending that was not": EXPIRED | {"reason": "confirmation_timeout"},
    "somebody else who left": LEFT | {"user_id": "dan"},
    "a session that others left": LEFT | {"session_id": FOREIGN_SESSION},
    "a request of others in the state": STATE | {"request": {"id": FOREIGN_REQUEST, "match_id": None}},
    "another partner in the state": STATE | {"match": NOW | {"partner_id": "cat"}},
    "a session of others in the state": STATE | {"session": STATE["session"] | {"session_id": FOREIGN_SESSION}},
    "a new kind of frame": {"type": "gossip"},
    "a field that nobody thought of": TIMEOUT | {"seen": [{"also": FOREIGN_SESSION}]},
}


@pytest.mark.parametrize("frame", RIGHT, ids=lambda frame: frame["type"])
def test_a_frame_about_oneself_is_all_right(frame: dict[str, Any]) -> None:
    assert list(complaints("ann", frame, TRUTH)) == []


@pytest.mark.parametrize("what", WRONG)
def test_a_frame_about_others_or_untrue_is_complained_about(what: str) -> None:
    assert list(complaints("ann", WRONG[what], TRUTH)) != []


@pytest.mark.parametrize("frame", RIGHT[:-1], ids=lambda frame: frame["type"])
def test_what_is_right_for_one_is_wrong_for_a_stranger(frame: dict[str, Any]) -> None:
    assert list(complaints("eve", frame, TRUTH)) != []


def test_every_frame_that_is_sent_has_its_check() -> None:
    assert CHECKS.keys() == {frame.model_fields["type"].default for frame in SENT}


def test_two_who_are_told_different_things_about_their_match_disagree() -> None:
    theirs = READY | {"partner_id": "ann"}
    assert list(disagreements([READY, theirs, FOUND, EXPIRED, EXPIRED | {"requeued": False}])) == []
    assert len(list(disagreements([READY, theirs | {"question_id": "q-2"}]))) == 1
