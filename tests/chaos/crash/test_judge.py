"""The judge finds nothing where nothing is wrong, and everything that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.crash import judge
from tests.chaos.crash.account import Account, Answer
from tests.chaos.crash.steps import Story
from tests.chaos.crash.truth import Event, Truth

ANN, BEN = "ann-1", "ben-1"
READY = {"type": "match_ready", "match_id": "m", "session_id": "s", "question_id": "q"}
FOUND = Event("match.found", "e", "s", "")
MATCH = {
    "id": "m", "user1_id": ANN, "user2_id": BEN, "status": "ready", "session_id": "s", "question_id": "q",
    "untold": False, "confirmed1": True, "confirmed2": True, "left1": False, "left2": False,
}  # fmt: skip
HASH = {"match_id": "m", "users": [ANN, BEN], "question": {"id": "q"}, "code": "", "language": "python"}
GOOD = Truth(
    requests=[{"id": f"r-{one}", "user_id": one, "status": "confirmed", "match_id": "m"} for one in (ANN, BEN)],
    matches=[MATCH],
    events={FOUND: True},
    delivered=[FOUND, FOUND],
    hashes={"s": HASH},
)


def a_person(user_id: str) -> Account:
    """Who has waited, confirmed, and is in a session."""
    partner = BEN if user_id == ANN else ANN
    return Account(
        user_id,
        frames=[{**READY, "partner_id": partner}],
        answers=[
            Answer("request", 201, {"id": f"r-{user_id}"}),
            Answer("confirm", 200, {"match_id": "m", "status": "waiting_for_partner"}),
            Answer("read", 200, {"session_id": "s", "match_id": "m", "question": {"id": "q"}, "users": [ANN, BEN]}),
        ],
        closes=[1006],
    )


def complaints(truth: Truth = GOOD, change: Callable[[Account], object] = lambda _: None) -> list[str]:
    ann = a_person(ANN)
    change(ann)
    return judge.complaints(Story.SESSION, [ann, a_person(BEN)], truth)


def match(**changes: Any) -> Truth:
    return replace(GOOD, matches=[MATCH | changes])


def requests(*changes: dict[str, Any]) -> Truth:
    pairs = zip(GOOD.requests, changes, strict=False)
    return replace(GOOD, requests=[{**request, **change} for request, change in pairs])


def test_nothing_is_wrong_with_a_session_that_both_are_in() -> None:
    assert complaints() == []
    assert judge.remains(GOOD) == []
    assert judge.unmarked(GOOD) == []


EXPIRED = {"type": "match_expired", "match_id": "m", "reason": "declined"}
SECOND = {**MATCH, "id": "m2", "session_id": "s2"}
STALE = Event("match.found", "another", "s", "")
LEFT = Event("session.left", "f", "s", ANN)

WRONG_TRUTHS = {
    "a request is lost": (requests({}), f"{BEN} has the requests [] instead of one"),
    "a request is in another state": (requests({}, {"status": "pending", "match_id": None}), "one that is confirmed"),
    "two live requests": (
        requests({"status": "pending", "user_id": ANN}, {"status": "pending", "user_id": ANN}),
        f"{ANN} is in 2 live requests",
    ),
    "two live matches": (
        replace(GOOD, matches=[MATCH | {"status": "confirmed"}, SECOND | {"status": "proposed"}]),
        f"{ANN} is in 2 live matches",
    ),
    "two sessions": (replace(GOOD, matches=[MATCH, SECOND]), "the matches are ['ready', 'ready']"),
    "another session than was told": (match(session_id="s2"), "was told of session ['s']"),
    "another question than was told": (match(question_id="q2"), "was told of question ['q']"),
    "another partner than was told": (match(user2_id="cat-1"), f"was told of partner ['{BEN}']"),
    "a yes that was acknowledged is lost": (match(confirmed1=False), "has confirmed, and it is not noted"),
    "request and match disagree": (match(status="declined"), "is confirmed, its match declined"),
    "nobody left, and somebody is noted": (match(left2=True), "1 left instead of 0"),
    "no event": (replace(GOOD, events={}, delivered=[]), "0 different events were promised instead of 1"),
    "two event ids": (replace(GOOD, events={FOUND: True, STALE: True}), "2 different events were promised"),
    "no delivery": (replace(GOOD, delivered=[]), "0 different events were delivered instead of 1"),
    "delivered under another id": (replace(GOOD, delivered=[STALE]), "delivered, and never promised"),
    "an event of what did not happen": (replace(GOOD, events={FOUND: True, LEFT: True}), "instead of 0: session.left"),
    "an event of a match without a session": (match(status="proposed"), "instead of 0: match.found"),
    "no hash": (replace(GOOD, hashes={}), "session s is {} in Redis"),
    "a hash of others": (replace(GOOD, hashes={"s": HASH | {"users": ["cat", "dan"]}}), "in Redis"),
    "not in the index": (requests({}, {"status": "pending"}), f"{BEN} waits, and is not in the index"),
}  # fmt: skip


@pytest.mark.parametrize(("truth", "sentence"), WRONG_TRUTHS.values(), ids=WRONG_TRUTHS)
def test_what_is_wrong_with_the_stores_is_said(truth: Truth, sentence: str) -> None:
    assert any(sentence in complaint for complaint in complaints(truth))


def answered(name: str, code: int, /, **body: Any) -> Callable[[Account], object]:
    return lambda ann: ann.answers.append(Answer(name, code, body))


WRONG_NEWS = {
    "never told": (lambda ann: ann.frames.clear(), "was not told of the session"),
    "told of two sessions": (lambda ann: ann.frames.append(READY | {"session_id": "s2"}), "was told of session ['s2']"),
    "told that it is over": (
        lambda ann: ann.frames.append(EXPIRED), "is over for declined",
    ),
    "another request was acknowledged": (answered("request", 201, id="r-2"), "was told of request ['r-2']"),
    "leaving was acknowledged": (answered("leave", 200, status="left"), "has left, and it is not noted"),
    "an answer that makes no sense": (answered("cancel", 404, code="unknown"), "cancel was answered 404"),
    "somebody else's session was read": (answered("read", 200, users=["cat"]), "read a session of ['cat']"),
    "a socket was closed for a defect": (lambda ann: ann.closes.append(1011), "closed with [1011]"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), WRONG_NEWS.values(), ids=WRONG_NEWS)
def test_what_is_wrong_with_what_people_were_told_is_said(change: Callable[[Account], object], sentence: str) -> None:
    assert any(sentence in complaint for complaint in complaints(change=change))


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        (match(status="proposed"), "match m is proposed"),
        (requests({"status": "pending"}), "is pending"),
        (match(untold=True), "not marked as told"),
        (replace(GOOD, events={FOUND: False}), "not marked as published"),
        (replace(GOOD, queue=[ANN]), f"{ANN} is in the index"),
        (replace(GOOD, hashes={}), "in Redis"),
        (replace(GOOD, delivered=[]), "were delivered instead of"),
    ],
)
def test_what_remains_when_everybody_has_gone_home_is_said(truth: Truth, sentence: str) -> None:
    assert any(sentence in complaint for complaint in judge.remains(truth))


def test_whoever_is_in_the_index_without_waiting_is_a_leftover() -> None:
    waiting = {"id": "r", "user_id": "cat-1", "status": "pending", "match_id": None}
    truth = replace(GOOD, requests=[*GOOD.requests, waiting], queue=[ANN, "cat-1"])
    assert judge.leftovers(truth) == [ANN]


@pytest.mark.parametrize("story", Story)
def test_every_story_has_an_end(story: Story) -> None:
    assert judge.OUTCOMES[story].requests


GONE = {"type": "state", "request": None, "match": None, "session": None}


@pytest.mark.parametrize(("frames", "is_told"), [([EXPIRED], True), ([GONE], True), ([], False)])
def test_the_end_of_a_match_is_told_by_its_frame_or_by_a_state_without_it(
    frames: list[dict[str, Any]], is_told: bool
) -> None:
    ann, ben = (Account(one, frames=[{"type": "match_found", "match_id": "m"}, *frames]) for one in (ANN, BEN))
    truth = Truth(
        requests=[
            {"id": "r-1", "user_id": ANN, "status": "cancelled", "match_id": "m"},
            {"id": "r-2", "user_id": BEN, "status": "pending", "match_id": None},
        ],
        matches=[MATCH | {"status": "declined", "session_id": None, "question_id": None}],
        queue=[BEN],
    )
    told = [f"{one} was not told that the match is over" for one in (ANN, BEN)]
    assert judge.complaints(Story.DECLINE, [ann, ben], truth) == ([] if is_told else told)
