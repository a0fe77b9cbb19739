"""The index: stale perhaps, never the truth."""

from __future__ import annotations

import asyncio

import pytest

from domain.ids import UserId
from tests.builders import ANN, BEN, BUCKET, CAT, OTHER_BUCKET, new_users, waiting
from tests.contracts.world import Replica, World

EARLY, LATE = 1_763_000_000.123456, 1_763_000_000.123457
"""A microsecond apart, as two rows of one statement may be."""


async def test_who_joins_is_seen_oldest_first(here: Replica) -> None:
    seen = await here.queue.join(BUCKET, [waiting(ANN, LATE), waiting(BEN, EARLY)], 10)
    assert seen == [waiting(BEN, EARLY), waiting(ANN, LATE)]


async def test_the_moment_comes_back_to_the_microsecond(here: Replica) -> None:
    moments = [1_763_000_000 + number / 1_000_000 for number in range(100)]
    people = [waiting(user_id, moment) for user_id, moment in zip(new_users(100), moments, strict=True)]
    assert await here.queue.join(BUCKET, people, 100) == people


async def test_only_as_many_as_asked_for_are_seen(here: Replica) -> None:
    people = [waiting(user_id, float(moment)) for moment, user_id in enumerate(new_users(5))]
    assert await here.queue.join(BUCKET, people, 2) == people[:2]


async def test_nobody_need_join_to_look(here: Replica) -> None:
    assert await here.queue.join(BUCKET, [], 10) == []
    await here.queue.join(BUCKET, [waiting(ANN, EARLY)], 1)
    assert await here.queue.join(BUCKET, [], 10) == [waiting(ANN, EARLY)]


async def test_joining_twice_is_being_there_once_at_the_newer_moment(here: Replica, other: Replica) -> None:
    await here.queue.join(BUCKET, [waiting(ANN, EARLY)], 10)
    assert await other.queue.join(BUCKET, [waiting(ANN, EARLY)], 10) == [waiting(ANN, EARLY)]
    assert await other.queue.join(BUCKET, [waiting(ANN, LATE)], 10) == [waiting(ANN, LATE)]


async def test_buckets_do_not_mix(here: Replica) -> None:
    await here.queue.join(OTHER_BUCKET, [waiting(ANN, EARLY)], 10)
    assert await here.queue.join(BUCKET, [waiting(BEN, EARLY)], 10) == [waiting(BEN, EARLY)]


@pytest.mark.parametrize("at_leisure", [False, True])
async def test_who_is_removed_is_gone_and_removing_again_is_nothing(here: Replica, *, at_leisure: bool) -> None:
    await here.queue.join(BUCKET, [waiting(ANN, EARLY), waiting(BEN, LATE)], 10)
    for _ in range(2):
        await here.queue.remove(BUCKET, [waiting(ANN, EARLY), waiting(CAT, EARLY)], at_leisure=at_leisure)
        assert await here.queue.join(BUCKET, [], 10) == [waiting(BEN, LATE)]


async def test_who_came_back_meanwhile_is_not_removed(here: Replica, other: Replica) -> None:
    """The same user's newer request is another place."""
    await here.queue.join(BUCKET, [waiting(ANN, EARLY)], 10)
    await other.queue.join(BUCKET, [waiting(ANN, LATE)], 10)
    await here.queue.remove(BUCKET, [waiting(ANN, EARLY)])
    assert await here.queue.join(BUCKET, [], 10) == [waiting(ANN, LATE)]


async def test_removing_from_an_empty_bucket_is_nothing(here: Replica) -> None:
    await here.queue.remove(BUCKET, [waiting(ANN, EARLY)])
    await here.queue.remove(BUCKET, [])


async def test_who_is_not_in_the_index_is_missing(world: World) -> None:
    people = [waiting(ANN, EARLY), waiting(BEN, LATE), waiting(CAT, LATE)]
    assert await world.here.queue.missing(BUCKET, people) == people
    await world.here.queue.join(BUCKET, people[1:2], 10)
    assert await world.here.queue.missing(BUCKET, people) == [people[0], people[2]]
    await world.lose_index()
    assert await world.here.queue.missing(BUCKET, people) == people


async def test_a_key_that_holds_something_else_is_taken_over(world: World) -> None:
    await world.spoil(BUCKET)
    assert await world.here.queue.join(BUCKET, [waiting(ANN, EARLY)], 10) == [waiting(ANN, EARLY)]
    await world.spoil(BUCKET)
    assert await world.here.queue.missing(BUCKET, [waiting(ANN, EARLY)]) == [waiting(ANN, EARLY)]
    assert await world.here.queue.join(BUCKET, [], 10) == []


async def test_many_join_and_leave_at_once_and_nobody_is_lost(here: Replica, other: Replica) -> None:
    people = [waiting(user_id, EARLY + number) for number, user_id in enumerate(new_users(200))]
    some = [people[start::10] for start in range(10)]
    await asyncio.gather(*(one.queue.join(BUCKET, part, 1) for one in (here, other) for part in some))
    await asyncio.gather(*(one.queue.remove(BUCKET, part) for one in (here, other) for part in some[::2]))
    assert await here.queue.join(BUCKET, [], 1000) == people[1::2]


async def test_user_ids_of_any_spelling_are_kept_apart(here: Replica) -> None:
    names = ("1", "01", "1.0", "a b", "é", "user:1", "*", "'", "")
    people = [waiting(UserId(name), EARLY) for name in names]
    assert await here.queue.join(BUCKET, people, 100) == sorted(people, key=lambda one: one.user_id.encode())
