from __future__ import annotations

import random

import pytest

from tests.chaos.people.door import REST_SECONDS, Door


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def door(now: list[float]) -> Door:
    return Door(["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"], lambda: now[0])


def shown(door: Door, but: int | None = None) -> set[int]:
    chance = random.Random(1)
    return {door.choose(chance, but=but) for _ in range(100)}


def test_everybody_is_shown_to_some_replica(door: Door) -> None:
    assert shown(door) == {0, 1, 2}
    assert shown(door, but=1) == {0, 2}


def test_a_replica_that_gave_no_answer_is_passed_over_for_a_while(door: Door, now: list[float]) -> None:
    door.blame(1)
    assert shown(door) == {0, 2}
    now[0] += REST_SECONDS
    assert shown(door) == {0, 1, 2}


def test_with_no_replica_well_all_are_tried(door: Door) -> None:
    for replica in range(3):
        door.blame(replica)
    assert shown(door) == {0, 1, 2}
    assert shown(door, but=0) == {1, 2}


def test_the_last_one_that_is_well_is_chosen_again(door: Door) -> None:
    door.blame(0)
    door.blame(1)
    assert shown(door, but=2) == {2}
