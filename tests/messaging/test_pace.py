"""Resting, and saying things seldom."""

from __future__ import annotations

from messaging.pace import Rest, Seldom
from tests.messaging.stubs import Clock


def test_a_rest_begins_with_a_failure_and_ends_by_itself() -> None:
    clock = Clock()
    rest = Rest(seconds=1, clock=clock)
    seen = [rest.is_on]

    rest.begin()
    for _ in range(2):
        seen.append(rest.is_on)
        clock.now += 0.5
    seen.append(rest.is_on)

    assert seen == [False, True, True, False]


def test_each_thing_is_said_once_a_minute() -> None:
    clock = Clock()
    seldom = Seldom(clock=clock)

    assert [seldom.is_due("a"), seldom.is_due("a"), seldom.is_due("b")] == [True, False, True]
    clock.now += 60
    assert seldom.is_due("a")
