"""What is promised to sibling services."""

from __future__ import annotations

import asyncio

from actors.messages import EventsWaiting
from actors.relay import OutboxRelay
from actors.system import System
from domain.ids import EventId
from tests.actors.waiting import eventually
from tests.builders import a_question, found_event, left_event, new_event_id, new_session_id
from tests.contracts.stories import a_ready_match, proposed
from tests.contracts.world import Replica, World
from tests.fakes.neighbours import FakeMeter, FakePublisher


async def promised(here: Replica, number: int) -> None:
    for _ in range(number):
        await a_ready_match(here)


async def many_promised(here: Replica, number: int) -> set[EventId]:
    """The events of so many matches, made ready together."""
    matches = await proposed(here, number)
    for seat in (0, 1):
        await here.matches.confirm([(match.id, match.users[seat], new_session_id()) for match in matches])
    await asyncio.gather(*(here.openings.keep_question(match.id, a_question()) for match in matches))
    confirmed = [await here.matches.get(match.id) for match in matches]
    sessions = [match.session_about(a_question()) for match in confirmed if match]
    events = [(session, found_event(session)) for session in sessions]
    assert all(await asyncio.gather(*(here.openings.ready(*one) for one in events)))
    return {event.event_id for _, event in events}


async def test_events_are_claimed_oldest_first_up_to_a_number(here: Replica) -> None:
    await promised(here, 5)
    first, rest = await here.outbox.claim(2), await here.outbox.claim(10)
    assert (len(first), len(rest)) == (2, 3)
    ids = [event.event_id for event in [*first, *rest]]
    assert ids == sorted(ids), "made one after the other, and their ids tell so"


async def test_a_claimed_event_is_kept_from_others_for_three_seconds(world: World) -> None:
    await promised(world.here, 1)
    [event] = await world.here.outbox.claim(10)
    assert not await world.other.outbox.claim(10)
    await world.pass_time(2)
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
    await here.outbox.put_off([new_event_id()])
    await here.outbox.put_off([])
    assert not await here.outbox.claim(10)


async def test_two_replicas_that_claim_at_once_share_the_events(here: Replica, other: Replica) -> None:
    await promised(here, 30)
    claimed = await asyncio.gather(*(one.outbox.claim(4) for one in [here, other] * 8))
    ids = [event.event_id for events in claimed for event in events]
    assert len(ids) == len(set(ids))
    rest = await here.outbox.claim(100)
    assert len({*ids, *(event.event_id for event in rest)}) == 30


async def test_an_event_that_came_back_is_kept_back_for_a_second_and_longer_the_older_it_is(world: World) -> None:
    await promised(world.here, 1)
    for age, pause in ((0, 1), (20, 10), (3600, 50), (86_400, 50)):
        await world.pass_time(age)
        [event] = await world.here.outbox.claim(10)
        await world.here.outbox.put_off([event.event_id])
        await world.pass_time(0.7 * pause)
        assert not await world.other.outbox.claim(10)
        await world.pass_time(0.7 * pause)


async def test_a_departure_that_came_back_is_kept_back_a_fifth_of_its_age(world: World) -> None:
    here = world.here
    match, _ = await a_ready_match(here)
    assert await here.openings.leave(match, match.users[0], left_event(match, match.users[0]))
    await world.pass_time(3600)
    found, left = await here.outbox.claim(10)
    await here.outbox.put_off([found.event_id, left.event_id])
    await world.pass_time(60)
    assert await here.outbox.claim(10) == [found]
    await world.pass_time(680)
    assert await here.outbox.claim(10) == [found, left]


async def test_events_that_never_came_back_are_claimed_before_those_that_did(world: World) -> None:
    here = world.here
    await promised(here, 2)
    returned = await here.outbox.claim(10)
    await here.outbox.put_off([event.event_id for event in returned])
    await world.pass_time(60)
    await promised(here, 1)
    [fresh] = await here.outbox.claim(1)
    assert fresh not in returned
    assert await here.outbox.claim(10) == returned


async def test_an_event_that_was_published_meanwhile_is_not_put_off(world: World) -> None:
    await promised(world.here, 1)
    [event] = await world.here.outbox.claim(10)
    await world.here.outbox.published([event.event_id])
    await world.other.outbox.put_off([event.event_id])
    await world.pass_time(60)
    assert not await world.here.outbox.claim(10)


async def test_any_number_of_events_that_nobody_hears_hold_up_none_that_somebody_does(world: World) -> None:
    here, publisher, meter = world.here, FakePublisher(), FakeMeter()
    publisher.unroutable = await many_promised(here, 520)
    [good] = await many_promised(here, 1)
    system = System(meter=meter)
    relay = system.spawn(
        lambda: OutboxRelay(outbox=here.outbox, publisher=publisher, meter=meter, poll_seconds=60), mailbox_limit=10
    )
    try:
        await eventually(lambda: publisher.rounds == 1)
        relay.tell(EventsWaiting())
        await eventually(lambda: meter.counts["published"])
        assert [event.event_id for event in publisher.arrived] == [good]
        assert publisher.rounds == 2
        await system.stop()
        publisher.unroutable = set()  # a queue is bound
        await world.pass_time(60)
        relay = system.spawn(
            lambda: OutboxRelay(outbox=here.outbox, publisher=publisher, meter=meter, poll_seconds=60), mailbox_limit=10
        )
        await eventually(lambda: meter.counts["published"] == 521)
    finally:
        await system.stop()
