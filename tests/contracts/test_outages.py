"""Time in which nobody could confirm is given back, once."""

from __future__ import annotations

import asyncio
import math

import pytest

from tests.contracts.stories import a_proposed_match, read
from tests.contracts.world import World
from tests.fakes.store import CONFIRM_SECONDS


async def time_with_signs_of_life(world: World, seconds: float) -> None:
    await world.here.recovery.beat()
    steps = math.ceil(seconds / 4)
    for _ in range(steps):
        await world.pass_time(seconds / steps)
        await world.here.recovery.beat()


async def test_the_first_sign_of_life_finds_that_nobody_was_away(world: World) -> None:
    match = await a_proposed_match(world.here)
    beat = await world.here.recovery.beat()
    assert (beat.away_seconds, beat.extended) == (0, 0)
    assert beat.clock_ahead_seconds == pytest.approx(0, abs=1)
    assert (await read(world.here, match.id)).deadline == match.deadline


async def test_after_an_outage_people_get_the_time_back_once_however_many_replicas_return(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.here.recovery.beat()
    await world.pass_time(CONFIRM_SECONDS + 60)
    beats = await asyncio.gather(*(replica.recovery.beat() for replica in (world.here, world.other) * 3))
    assert [beat.extended for beat in beats].count(1) == 1
    assert max(beat.away_seconds for beat in beats) == pytest.approx(CONFIRM_SECONDS + 60, abs=2)
    left = await read(world.here, match.id)
    assert not left.overdue
    assert not (await world.here.recovery.leftovers()).overdue_matches
    await time_with_signs_of_life(world, CONFIRM_SECONDS + 2)
    assert (await read(world.here, match.id)).overdue


async def test_until_it_is_given_back_nobody_is_told_that_the_time_is_over(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.here.recovery.beat()
    await world.pass_time(CONFIRM_SECONDS + 60)
    assert not (await read(world.here, match.id)).overdue
    seen = await world.here.matches.of_user(match.first.user_id, match.id)
    assert seen is not None
    assert not seen.overdue


@pytest.mark.parametrize("seconds", [3, 4.9])
async def test_nor_when_nobody_knows_yet_whether_it_is_an_outage(world: World, seconds: float) -> None:
    match = await a_proposed_match(world.here)
    await time_with_signs_of_life(world, CONFIRM_SECONDS - 3)
    before = (await read(world.here, match.id)).deadline
    await world.pass_time(seconds)
    assert not (await read(world.here, match.id)).overdue
    await world.pass_time(5.2 - seconds)
    assert (await world.here.recovery.beat()).extended == 1
    assert (await read(world.here, match.id)).deadline > before


async def test_what_was_over_soon_after_a_sign_of_life_stays_over(world: World) -> None:
    match = await a_proposed_match(world.here)
    await time_with_signs_of_life(world, CONFIRM_SECONDS - 1)
    await world.pass_time(1.5)
    assert (await read(world.here, match.id)).overdue
    await world.pass_time(60)
    assert (await read(world.here, match.id)).overdue
    assert (await world.here.recovery.beat()).extended == 0
    assert (await read(world.here, match.id)).overdue


async def test_five_seconds_without_a_sign_of_life_are_no_outage(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.here.recovery.beat()
    await world.pass_time(4)
    before = (await read(world.here, match.id)).deadline
    assert (await world.other.recovery.beat()).extended == 0
    assert (await read(world.here, match.id)).deadline == before


async def test_whoever_was_proposed_after_the_last_sign_of_life_has_lost_nothing(world: World) -> None:
    await world.here.recovery.beat()
    await world.pass_time(10)
    match = await a_proposed_match(world.here)
    assert (await world.here.recovery.beat()).extended == 0
    assert (await read(world.here, match.id)).deadline == match.deadline


async def test_a_match_whose_time_was_over_before_the_outage_gets_none_back(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.pass_time(CONFIRM_SECONDS + 1)
    await world.here.recovery.beat()
    await world.pass_time(60)
    assert (await world.here.recovery.beat()).extended == 0
    assert (await read(world.here, match.id)).overdue


async def test_a_long_outage_is_not_given_back_whole(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.here.recovery.beat()
    await world.pass_time(CONFIRM_SECONDS + 3600)
    assert (await world.here.recovery.beat()).extended == 1
    assert (await read(world.here, match.id)).overdue
