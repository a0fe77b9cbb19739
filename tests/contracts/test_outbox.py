"""What is promised to sibling services."""

from __future__ import annotations

import asyncio

from tests.builders import new_event_id
from tests.contracts.stories import a_ready_match
from tests.contracts.world import Replica, World


async def promised(here: Replica, number: int) -> None:
    for _ in range(number):
        await a_ready_match(here)


async def test_events_are_claimed_oldest_first_up_to_a_number(here: Replica) -> None:
    await promised(here, 5)
    first, rest = await here.outbox.claim(2), await here.outbox.claim(10)
    assert (len(first), len(rest)) == (2, 3)
    ids = [event.event_id for event in [*first, *rest]]
    assert ids == sorted(ids), "made one after the other, and their ids tell so"


async def test_a_claimed_event_is_kept_from_others_for_half_a_minute(world: World) -> None:
    await promised(world.here, 1)
    [event] = await world.here.outbox.claim(10)
    assert not await world.other.outbox.claim(10)
    await world.pass_time(29)
    assert not await world.other.outbox.claim(10)
    await world.pass_time(2)
    assert await world.other.outbox.claim(10) == [event]


async def test_a_released_event_is_anyones_at_once(here: Replica, other: Replica) -> None:
    await promised(here, 2)
    one, two = await here.outbox.claim(10)
    await here.outbox.release([two.event_id])
    assert await other.outbox.claim(10) == [two]
    assert one != two


async def test_a_published_event_is_never_claimed_again(world: World) -> None:
    await promised(world.here, 1)
    [event] = await world.here.outbox.claim(10)
    await world.here.outbox.published([event.event_id])
    await world.here.outbox.published([event.event_id])
    await world.other.outbox.release([event.event_id])
    await world.pass_time(60)
    assert not await world.here.outbox.claim(10)


async def test_unknown_events_are_no_trouble(here: Replica) -> None:
    await here.outbox.published([new_event_id()])
    await here.outbox.release([new_event_id()])
    await here.outbox.published([])
    await here.outbox.release([])
    assert not await here.outbox.claim(10)


async def test_two_replicas_that_claim_at_once_share_the_events(here: Replica, other: Replica) -> None:
    await promised(here, 30)
    claimed = await asyncio.gather(*(one.outbox.claim(4) for one in [here, other] * 8))
    ids = [event.event_id for events in claimed for event in events]
    assert len(ids) == len(set(ids))
    rest = await here.outbox.claim(100)
    assert len({*ids, *(event.event_id for event in rest)}) == 30
