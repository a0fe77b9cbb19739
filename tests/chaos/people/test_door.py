from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from tests.chaos.people.door import MOST_CALLS, REST_SECONDS, Door


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def door(now: list[float]) -> Door:
    return Door(["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"], lambda: now[0])


def shown(door: Door, but: int | None = None) -> set[int]:
    chance = random.Random(1)
    return {door.choose(chance, but=but) for _ in range(100)}


async def crowded(door: Door, count: int) -> Counter[int]:
    """How many are at each replica after so many have been let in."""
    chance = random.Random(1)
    return Counter([await door.admit(chance) for _ in range(count)])


def test_everybody_is_shown_to_some_replica(door: Door) -> None:
    assert shown(door) == {0, 1, 2}
    assert shown(door, but=1) == {0, 2}


async def test_a_replica_that_gave_no_answer_is_passed_over_for_a_while(door: Door, now: list[float]) -> None:
    door.blame(1)
    assert shown(door) == {0, 2}
    assert (await crowded(door, 20)).keys() == {0, 2}
    now[0] += REST_SECONDS
    assert shown(door) == {0, 1, 2}


async def test_a_socket_is_tried_somewhere_when_no_replica_is_well(door: Door) -> None:
    for replica in range(3):
        door.blame(replica)
    assert shown(door) == {0, 1, 2}
    assert shown(door, but=0) == {1, 2}


async def test_the_last_one_that_is_well_is_chosen_again(door: Door) -> None:
    door.blame(0)
    door.blame(1)
    assert shown(door, but=2) == {2}


async def test_a_dead_replica_gets_one_call_until_it_answers(door: Door, now: list[float]) -> None:
    for _ in range(10):
        door.blame(1)
    now[0] += REST_SECONDS
    assert (await crowded(door, 2 * MOST_CALLS + 1))[1] == 1
    door.praise(1)
    assert await asyncio.wait_for(door.admit(random.Random(1)), 1) == 1


async def test_no_replica_has_more_than_its_share_and_the_others_wait_for_their_turn(door: Door) -> None:
    assert await crowded(door, 3 * MOST_CALLS) == dict.fromkeys(range(3), MOST_CALLS)
    chance = random.Random(1)
    first, second = (asyncio.create_task(door.admit(chance)) for _ in range(2))
    await asyncio.sleep(0)
    door.release(2)
    assert await first == 2
    assert not second.done()
    door.release(0)
    assert await second == 0


async def test_whoever_waited_in_vain_makes_room_for_the_next(door: Door) -> None:
    await crowded(door, 3 * MOST_CALLS)
    chance = random.Random(1)
    first, second, third = (asyncio.create_task(door.admit(chance)) for _ in range(3))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait((first,))
    door.release(1)
    second.cancel()  # has been waved in, and does not know yet
    await asyncio.wait((second,))
    assert (first.cancelled(), second.cancelled()) == (True, True)
    assert await third == 1


async def test_who_waits_while_no_replica_is_well_is_let_in_after_the_rest() -> None:
    door = Door(["http://127.0.0.1:1"])
    door.blame(0)
    assert await asyncio.wait_for(door.admit(random.Random(1)), 10 * REST_SECONDS) == 0
