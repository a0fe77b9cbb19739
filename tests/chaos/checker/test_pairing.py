"""I4, I11 and I13 can fail."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.checker.finding import Finding
from tests.chaos.checker.pairing import oldest_first, paired_at_once
from tests.chaos.checker.repeats import repeating_changes_nothing
from tests.chaos.story import Story, a_story


def said(finding: Finding) -> list[str]:
    return [one.what for one in finding.violations]


# -- I4 ----------------------------------------------------------------------------------------------


def overtaken_by(pairs: int) -> Story:
    """One who is left behind while *pairs* of two younger ones are made."""
    story = Story()
    oldest = story.asks("old", 1.0)
    for number in range(pairs):
        first, second = (story.asks(f"{name}{number}", 3.0 + number / 100) for name in "ab")
        story.pairs(first, second, 3.0 + number / 100)
    story.cancels("old", oldest, 8.5)
    return story


def test_more_than_a_batch_before_somebody_older_is_seen() -> None:
    assert said(oldest_first(overtaken_by(50).case())) == []
    assert said(oldest_first(overtaken_by(51).case())) == ["overtaken by 51 pairs"]


def test_every_overtaking_is_counted() -> None:
    assert oldest_first(a_story().case()).figures == {"overtaking pairs %": 0.0}
    assert oldest_first(overtaken_by(1).case()).figures == {"overtaking pairs %": 100.0}


def test_whoever_just_failed_with_one_of_the_two_may_be_passed() -> None:
    story = Story()
    oldest, second = story.asks("old", 1.0), story.asks("a0", 1.0)
    story.ends(story.pairs(oldest, second, 1.1), "failed", 1.2, {})
    story.pairs(second, story.asks("b0", 3.0), 3.0)
    assert oldest_first(story.case()).figures == {"overtaking pairs %": 0.0}


# -- I13 ---------------------------------------------------------------------------------------------


def side_by_side(seconds: float, *, begin: float = 30.0) -> Story:
    story = Story()
    one, other = story.asks("ann", begin - 1), story.asks("ben", begin)
    story.pairs(one, other, begin + seconds)
    return story


def test_two_who_wait_side_by_side_are_seen_unless_something_is_broken() -> None:
    assert said(paired_at_once(side_by_side(4.9).case())) == []
    story = side_by_side(6.0)
    assert said(paired_at_once(story.case())) == ["waited side by side for 6.0 s"]
    story.breaks("replica-0", at=30.5, until=32.0)
    assert said(paired_at_once(story.case())) == []


def test_two_who_are_never_paired_are_seen() -> None:
    story = Story()
    for user_id in ("ann", "ben"):
        story.times_out(story.asks(user_id, 30.0), 38.0)
    assert said(paired_at_once(story.case())) == ["waited side by side for 8.0 s"]


def test_two_who_just_failed_together_may_wait_side_by_side() -> None:
    story = Story()
    one, other = story.asks("ann", 30.0), story.asks("ben", 30.0)
    story.ends(story.pairs(one, other, 30.1), "failed", 31.0, {})
    for request_id in (one, other):
        story.times_out(request_id, 39.0)
    assert said(paired_at_once(story.case())) == []


def test_the_wait_of_pairs_made_in_calm_is_measured() -> None:
    story = side_by_side(0.25)
    figures = paired_at_once(story.case()).figures
    assert figures == {"wait in calm p50 ms": 250.0, "wait in calm p99 ms": 250.0, "wait in calm max ms": 250.0}
    story.breaks("postgres", at=20.0, until=26.0)
    assert paired_at_once(story.case()).looked_at["pairs made in calm"] == 0


# -- I11 ---------------------------------------------------------------------------------------------


def say_201_again(story: Story) -> None:
    story.operations.append(story.operations[0])


def leave_twice(story: Story) -> None:
    story.operations.append(next(one for one in story.operations if one.name == "leave"))


def post_a_departure_again(story: Story) -> None:
    body = json.loads(next(row["body"] for row in story.outbox if row["routing_key"] == "session.left"))
    story.posts("session.left", 5.0, body)


def lose_a_departure(story: Story) -> None:
    story.outbox = [row for row in story.outbox if row["routing_key"] != "session.left"][:1]


def hear_it_again(story: Story) -> None:
    story.frames.append(next(one for one in story.frames if one.body["type"] == "partner_left"))


def open_another_session(story: Story) -> None:
    story.hashes.append({**story.hashes[0], "session_id": "another"})


def answer_otherwise(story: Story) -> None:
    one = next(one for one in story.operations if one.name == "confirm" and one.got.get("session_id"))
    story.operations.append(replace(one, got={**one.got, "question_id": "q-2"}))


def queue_what_is_not_pending(story: Story) -> None:
    one = next(one for one in story.operations if one.user_id == "ann" and one.name == "request")
    got = {**one.got, "already_queued": True}
    story.operations.append(replace(one, invoked=50.0, ended=50.1, status=200, got=got))


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (say_201_again, "201 for what was there already"),
        (leave_twice, "left twice"),
        (post_a_departure_again, "2 session.left events for 1 departures"),
        (lose_a_departure, "0 session.left events for 1 departures"),
        (hear_it_again, "partner_left 2 times over one socket"),
        (open_another_session, "2 sessions in Redis for one match"),
        (answer_otherwise, "confirm answered with different question_id"),
        (queue_what_is_not_pending, "already queued, but not pending"),
    ],
)
def test_a_second_effect_is_seen(spoil: Callable[[Story], None], what: str) -> None:
    story = a_story()
    spoil(story)
    assert what in said(repeating_changes_nothing(story.case()))


def test_a_departure_of_a_stranger_is_seen() -> None:
    story = a_story()
    session_id = next(iter(story.matches.values()))["session_id"]
    story.posts("session.left", 5.0, {"session_id": session_id, "user_id": "zed"})
    assert said(repeating_changes_nothing(story.case())) == ["session.left by a stranger"]
