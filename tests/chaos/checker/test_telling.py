"""I3, I5 and I14 can fail."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker.events import every_session_is_announced, no_event_is_premature
from tests.chaos.checker.finding import Finding
from tests.chaos.checker.telling import everyone_connected_hears
from tests.chaos.evidence import Frame
from tests.chaos.story import Story, a_session, a_story


def said(finding: Finding) -> list[str]:
    return [one.what for one in finding.violations]


# -- I3 and I5 ---------------------------------------------------------------------------------------


def lose_the_event(story: Story) -> None:
    del story.outbox[0]


def promise_twice(story: Story) -> None:
    body = json.loads(story.outbox[0]["body"])
    story.posts("match.found", 2.0, {"match_id": body["match_id"], "session_id": body["session_id"]})


def lose_the_delivery(story: Story) -> None:
    del story.deliveries[0]


def forget_to_mark(story: Story) -> None:
    story.outbox[0]["published_at"] = None


def deliver_another_body(story: Story) -> None:
    story.deliveries.append(replace(story.deliveries[0], redelivered=True, body={"match_id": "other"}))


def change_the_session(story: Story) -> None:
    next(row for row in story.audit if row["new"] == "ready")["session_id"] = "another"


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lose_the_event, "0 match.found events for a ready match"),
        (promise_twice, "2 match.found events for a ready match"),
        (lose_the_delivery, "promised, and never arrived"),
        (forget_to_mark, "promised, and never marked as published"),
        (deliver_another_body, "delivered again with another body"),
        (change_the_session, "2 session ids"),
    ],
)
def test_what_is_wrong_with_an_event_is_seen(spoil: Callable[[Story], None], what: str) -> None:
    story = a_story()
    spoil(story)
    assert said(every_session_is_announced(story.case())) == [what]


def test_a_delivery_that_is_only_repeated_is_counted_and_no_violation() -> None:
    story = a_story()
    story.deliveries.append(replace(story.deliveries[0], redelivered=True))
    finding = every_session_is_announced(story.case())
    assert (said(finding), finding.figures) == ([], {"came again": 1, "twice": 1})


def test_an_event_about_a_match_that_never_became_ready_is_seen() -> None:
    story = a_story()
    declined = next(match for match in story.matches.values() if match["status"] == "declined")
    story.posts("match.found", 11.0, {"match_id": declined["id"]})
    assert said(no_event_is_premature(story.case())) == [
        "match.found for no ready match",
        "delivered before the match was ready",
    ]


def test_an_event_that_comes_too_early_or_from_nowhere_is_seen() -> None:
    story = a_story()
    story.deliveries[0] = replace(story.deliveries[0], at=1.5)
    story.deliveries[1] = replace(story.deliveries[1], event_id="made up")
    assert said(no_event_is_premature(story.case())) == [
        "delivered before the match was ready",
        "delivered, and never promised",
    ]


# -- I14 ---------------------------------------------------------------------------------------------


def frames_to(user_id: str, *kinds: str) -> Callable[[Frame], bool]:
    return lambda frame: frame.user_id == user_id and frame.body["type"] in kinds


@pytest.mark.parametrize(("kind", "state"), [("match_found", "proposed"), ("match_ready", "ready")])
def test_a_frame_that_never_comes_is_seen(kind: str, state: str) -> None:
    story = Story()
    a_session(story, "ann", "ben", 1.0)
    later = {"match_found": ("match_ready", "partner_left"), "match_ready": ("partner_left",)}[kind]
    story.frames = [one for one in story.frames if one.body["type"] not in (kind, *later)]
    expected = ["proposed was told never"] * 2 * (kind == "match_found") + ["ready was told never"] * 2
    assert said(everyone_connected_hears(story.case())) == expected
    assert f"{state} was told never" in expected


def test_a_late_frame_is_seen_unless_something_was_broken() -> None:
    story = Story()
    a_session(story, "ann", "ben", 1.0)
    ready = next(row["at"] for row in story.audit if row["new"] == "ready")
    story.frames = [replace(one, at=ready + 6) if frames_to("ann", "match_ready")(one) else one for one in story.frames]
    assert said(everyone_connected_hears(story.case())) == ["ready was told 6.0 s late"]
    story.breaks("redis", at=2.5, until=5.0)
    assert said(everyone_connected_hears(story.case())) == []


def test_a_state_says_as_much_as_a_frame() -> None:
    story = Story()
    match_id = a_session(story, "ann", "ben", 1.0)
    socket = story.sockets[0].socket
    story.frames = [one for one in story.frames if not frames_to("ann", "match_ready", "match_found")(one)]
    assert len(said(everyone_connected_hears(story.case()))) == 2
    match = {"match_id": match_id, "partner_id": "ben"}
    told = {"type": "state", "request": None, "match": match, "session": None}
    story.frames.append(Frame(user_id="ann", socket=socket, at=1.3, body=told))
    assert said(everyone_connected_hears(story.case())) == ["ready was told never"]
    story.frames.append(Frame(user_id="ann", socket=socket, at=2.2, body=told | {"match": None, "session": match}))
    assert said(everyone_connected_hears(story.case())) == []


def test_an_end_without_a_session_must_be_told() -> None:
    story = a_story()
    story.frames = [one for one in story.frames if one.body["type"] != "match_expired"]
    assert said(everyone_connected_hears(story.case())) == ["declined was told never"]


def test_whoever_is_not_connected_all_the_time_need_not_hear() -> None:
    story = a_story()
    story.sockets = [replace(life, closed=life.opened + 3) for life in story.sockets]
    story.frames = [one for one in story.frames if one.body["type"] == "state"]
    finding = everyone_connected_hears(story.case())
    assert (said(finding), finding.looked_at["news to a socket"]) == ([], 0)


def test_whoever_was_told_and_then_went_counts() -> None:
    story = Story()
    a_session(story, "ann", "ben", 1.0)
    story.breaks("redis", at=0.5, until=30.0)
    finding = everyone_connected_hears(story.case())
    assert (said(finding), finding.looked_at) == ([], {"news to a socket": 4, "in calm": 0})
