"""I6 and I7 can fail."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker.access import nobody_sees_another
from tests.chaos.checker.agreement import all_tell_the_same
from tests.chaos.checker.finding import Finding
from tests.chaos.evidence import Frame
from tests.chaos.story import a_story


def said(finding: Finding) -> list[str]:
    return [one.what for one in finding.violations]


# -- I6 ----------------------------------------------------------------------------------------------


KINDS = ["match_found", "match_ready", "partner_left", "match_expired", "request_timeout"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_at_a_foreign_socket_is_seen(kind: str) -> None:
    story = a_story()
    story.frames = [replace(one, user_id="zed") if one.body["type"] == kind else one for one in story.frames]
    found = said(nobody_sees_another(story.case()))
    assert found
    assert all(what.startswith(f"{kind} about another's ") for what in found)


@pytest.mark.parametrize(
    "body",
    [
        {"request": {"id": "R"}},
        {"match": {"match_id": "M", "partner_id": "ben"}},
        {"session": {"session_id": "S", "match_id": "M", "partner_id": "ben"}},
    ],
)
def test_a_state_about_somebody_else_is_seen(body: dict[str, dict[str, str]]) -> None:
    story = a_story()
    match = next(iter(story.matches.values()))
    known = {"R": match["request1_id"], "M": match["id"], "S": match["session_id"]}
    told = {name: {key: known.get(value, value) for key, value in part.items()} for name, part in body.items()}
    story.frames.append(Frame(user_id="ann", socket=1, at=3.0, body={"type": "state"} | told))
    assert said(nobody_sees_another(story.case())) == []
    story.frames.append(Frame(user_id="zed", socket=1, at=3.0, body={"type": "state"} | told))
    assert said(nobody_sees_another(story.case()))


def test_a_wrong_partner_and_an_unknown_frame_are_seen() -> None:
    story = a_story()
    match_id = next(iter(story.matches))
    body = {"type": "match_found", "match_id": match_id, "partner_id": "eve"}
    story.frames.append(Frame(user_id="ann", socket=1, at=3.0, body=body))
    story.frames.append(Frame(user_id="ann", socket=1, at=3.0, body={"type": "gossip"}))
    assert said(nobody_sees_another(story.case())) == [
        "match_found about another's partner",
        "gossip about another's frame, of the unknown type gossip",
    ]


@pytest.mark.parametrize(("status", "is_seen"), [(200, True), (409, True), (403, True), (404, False), (503, False)])
def test_a_stranger_must_get_404(status: int, is_seen: bool) -> None:
    story = a_story()
    sent = {"stranger": True, "match_id": next(iter(story.matches))}
    story.calls("zed", "match_status", 5.0, sent, {}, status=status)
    assert bool(said(nobody_sees_another(story.case()))) is is_seen


def test_an_answer_about_another_s_things_is_seen() -> None:
    story = a_story()
    match = next(iter(story.matches.values()))
    got = {"match_id": match["id"], "session_id": match["session_id"], "users": ["ann", "ben"]}
    story.calls("zed", "session", 5.0, {"session_id": match["session_id"]}, got)
    assert said(nobody_sees_another(story.case())) == [
        "session answered with another's match",
        "session answered with another's session",
        "a session was shown to no member",
    ]


# -- I7 ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("match_ready", {"session_id": "other"}),
        ("match_ready", {"question_id": "q-2"}),
        ("match_found", {"topic": "Heap"}),
    ],
)
def test_a_frame_that_tells_another_story_is_seen(source: str, changes: dict[str, str]) -> None:
    story = a_story()
    number = next(number for number, one in enumerate(story.frames) if one.body["type"] == source)
    story.frames[number] = replace(story.frames[number], body={**story.frames[number].body, **changes})
    assert said(all_tell_the_same(story.case())) == [f"{source} has another {next(iter(changes))}"]


@pytest.mark.parametrize("name", ["confirm", "match_status", "active"])
def test_an_answer_that_tells_another_story_is_seen(name: str) -> None:
    story = a_story()
    number = next(
        number for number, one in enumerate(story.operations) if one.name == name and one.got.get("session_id")
    )
    one = story.operations[number]
    story.operations[number] = replace(one, got={**one.got, "session_id": "other"})
    assert said(all_tell_the_same(story.case())) == [f"the answer to {name} has another session_id"]


def test_an_event_and_a_hash_that_tell_another_story_are_seen() -> None:
    story = a_story()
    body: dict[str, Any] = json.loads(story.outbox[0]["body"])
    story.outbox[0]["body"] = json.dumps(body | {"question_id": "q-2"})
    story.deliveries[0] = replace(story.deliveries[0], body=body | {"users": ["ann", "eve"]})
    story.hashes[0] = story.hashes[0] | {"question": {"id": "q-2"}}
    assert said(all_tell_the_same(story.case())) == [
        "the outbox has another question_id",
        "the event has another users",
        "the hash has another question",
    ]


def test_a_session_of_no_match_is_seen() -> None:
    story = a_story()
    story.hashes.append({"match_id": "nobody's", "session_id": "nobody's"})
    assert said(all_tell_the_same(story.case())) == ["the hash tells of a match that is not there"]


def test_a_frame_about_nothing_of_ours_is_looked_at() -> None:
    story = a_story()
    story.frames.append(Frame(user_id="ann", socket=1, at=2.0, body={"type": "pong"}))
    assert said(nobody_sees_another(story.case())) == []
