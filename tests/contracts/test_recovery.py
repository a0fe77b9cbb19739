"""The janitor's view of the truth."""

from __future__ import annotations

import asyncio

import pytest

from domain import requeue
from domain.match import MatchState
from tests.builders import ANN, BEN, BUCKET, CAT, OTHER_BUCKET, left_event, new_users
from tests.contracts.stories import a_confirmed_match, a_proposed_match, a_ready_match, enqueued, read, say_yes
from tests.contracts.world import Replica, World
from tests.fakes.store import CONFIRM_SECONDS, RETENTION_DAYS, SEARCH_SECONDS

DAY = 86_400


async def test_nothing_is_left_behind_in_an_empty_world(here: Replica) -> None:
    left = await here.recovery.leftovers()
    assert not [*left.overdue_requests, *left.overdue_matches, *left.unopened, *left.untold]
    assert await here.recovery.pending(0, 10) == ([], 0)
    buckets, outbox = await here.recovery.census()
    assert (list(buckets), outbox.waiting, outbox.oldest_seconds) == ([], 0, 0.0)
    assert await here.recovery.forget_old() == (0, False)


async def test_what_actors_are_still_busy_with_is_not_left_behind(world: World) -> None:
    here = world.here
    await enqueued(here, [ANN])
    await a_proposed_match(here)
    await a_confirmed_match(here)
    await a_ready_match(here)
    left = await here.recovery.leftovers()
    assert not [*left.overdue_requests, *left.overdue_matches, *left.unopened, *left.untold]


async def test_requests_and_matches_whose_time_was_up_a_second_ago_are_overdue(world: World) -> None:
    here = world.here
    [ann] = await enqueued(here, [ANN])
    await world.pass_time(SEARCH_SECONDS + 0.5)
    assert not (await here.recovery.leftovers()).overdue_requests
    await world.pass_time(1)
    assert [request.id for request in (await here.recovery.leftovers()).overdue_requests] == [ann.id]
    match = await a_proposed_match(here)
    await world.pass_time(CONFIRM_SECONDS + 0.5)
    assert not (await here.recovery.leftovers()).overdue_matches
    await world.pass_time(1)
    assert list((await here.recovery.leftovers()).overdue_matches) == [match.id]


async def test_a_confirmed_match_without_a_session_is_unopened_after_a_second(world: World) -> None:
    match = await a_confirmed_match(world.here)
    assert not (await world.here.recovery.leftovers()).unopened
    await world.pass_time(1.5)
    [unopened] = (await world.here.recovery.leftovers()).unopened
    assert (unopened.id, unopened.state) == (match.id, MatchState.CONFIRMED)
    assert unopened.confirmed_for == pytest.approx(1.5, abs=0.5)


async def test_a_match_that_nobody_was_told_of_is_untold_until_it_is_marked(world: World) -> None:
    here = world.here
    match = await a_proposed_match(here)
    await world.pass_time(3)
    assert [one.id for one in (await here.recovery.leftovers()).untold] == [match.id]
    await here.matches.mark_told([(match.id, MatchState.PROPOSED)])
    assert not (await here.recovery.leftovers()).untold


async def test_every_turn_of_a_match_is_to_be_told_anew(world: World) -> None:
    here = world.here
    declined = await a_proposed_match(here)
    await here.matches.mark_told([(declined.id, MatchState.PROPOSED)])
    await here.matches.end(requeue.decline(declined, declined.first.user_id))
    ready, _ = await a_ready_match(here)
    await world.pass_time(3)
    assert {one.id for one in (await here.recovery.leftovers()).untold} == {declined.id, ready.id}


async def test_a_confirmed_match_is_told_by_its_session(world: World) -> None:
    await a_confirmed_match(world.here)
    await world.pass_time(3)
    assert not (await world.here.recovery.leftovers()).untold


async def test_a_session_that_both_have_left_is_no_news_to_anybody(world: World) -> None:
    """Nobody could mark it: it would be announced again and again."""
    here = world.here
    match, _ = await a_ready_match(here)
    for user_id in match.users:
        now = await read(here, match.id)
        assert await here.openings.leave(now, user_id, left_event(now, user_id))
    await world.pass_time(3)
    assert not (await here.recovery.leftovers()).untold


async def test_pending_requests_come_in_pages_in_the_order_of_the_queue(world: World) -> None:
    here = world.here
    requests = await enqueued(here, new_users(5)) + await enqueued(here, new_users(2), OTHER_BUCKET)
    await world.pass_time(2)
    page, after = await here.recovery.pending(0, 3)
    seen = list(page)
    while after:
        page, after = await here.recovery.pending(after, 3)
        seen += page
    assert [request.id for request in seen] == [request.id for request in requests]


async def test_who_came_within_the_last_second_or_is_overdue_is_not_compared_with_the_index(world: World) -> None:
    here = world.here
    await enqueued(here, [ANN])
    await world.pass_time(SEARCH_SECONDS)
    [ben] = await enqueued(here, [BEN])
    await world.pass_time(2)
    await enqueued(here, [CAT])
    await a_proposed_match(here)
    page, after = await here.recovery.pending(0, 10)
    assert [request.id for request in page] == [ben.id]
    assert after == 0


async def test_the_census_counts_who_waits_and_what_waits(world: World) -> None:
    here = world.here
    await enqueued(here, new_users(3))
    await world.pass_time(10)
    await enqueued(here, new_users(2), OTHER_BUCKET)
    await a_ready_match(here)
    buckets, outbox = await here.recovery.census()
    assert {one.bucket: one.waiting for one in buckets} == {BUCKET: 3, OTHER_BUCKET: 2}
    assert max(one.oldest_wait_seconds for one in buckets) == pytest.approx(10, abs=1)
    assert outbox.waiting == 1
    assert outbox.oldest_seconds == pytest.approx(0, abs=1)


async def test_what_ended_before_the_retention_time_is_forgotten_and_nothing_else(world: World) -> None:
    here = world.here
    [gone] = await enqueued(here, [ANN])
    await here.requests.withdraw([gone.id])
    old, _ = await a_ready_match(here)
    [event] = await here.outbox.claim(1)
    await here.outbox.published([event.event_id])
    await a_ready_match(here)
    await world.pass_time(RETENTION_DAYS * DAY - 60)
    assert await here.recovery.forget_old() == (0, False)
    open_ = await a_proposed_match(here)
    await say_yes(here, open_.id, *open_.users)
    await enqueued(here, [BEN])
    await world.pass_time(120)
    assert await here.recovery.forget_old() == (1 + 2 * (1 + 2) + 1, False)
    assert (await world.all_matches()).keys() == {open_.id}
    assert len(await world.all_requests()) == 3
    assert len(await here.outbox.claim(10)) == 1, "what was never published is never forgotten"
    assert await here.matches.get(old.id) is None


async def test_what_is_too_much_to_forget_at_once_is_shared_with_other_replicas(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("persistence.postgres.recovery", "tests.fakes.recovery"):
        monkeypatch.setattr(f"{module}.MOST_DELETED", 300)
    requests = await enqueued(world.here, new_users(1300))
    await world.here.requests.withdraw([request.id for request in requests])
    everyone = [world.here, world.other] * 2
    assert await asyncio.gather(*(one.recovery.forget_old() for one in everyone)) == [(0, False)] * 4
    await world.pass_time(RETENTION_DAYS * DAY + 60)
    assert await asyncio.gather(*(one.recovery.forget_old() for one in everyone)) == [(300, True)] * 4
    assert await world.here.recovery.forget_old() == (100, False)
    assert not await world.all_requests()


async def test_a_departure_that_nobody_is_bound_to_hear_is_forgotten_in_the_end_but_no_match(world: World) -> None:
    here = world.here
    match, _ = await a_ready_match(here)
    for user_id in match.users:
        now = await read(here, match.id)
        assert await here.openings.leave(now, user_id, left_event(now, user_id))
    found, left, untried = await here.outbox.claim(10)
    await here.outbox.put_off([found.event_id, left.event_id])
    await here.outbox.release([untried.event_id])
    await world.pass_time(RETENTION_DAYS * DAY - 60)
    assert await here.recovery.forget_old() == (0, False)
    await world.pass_time(120)
    await here.recovery.forget_old()
    assert await here.outbox.claim(10) == [found, untried]


async def test_the_census_counts_a_bounded_number_of_events(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("persistence.postgres.recovery", "tests.fakes.recovery"):
        monkeypatch.setattr(f"{module}.MOST_COUNTED", 2)
    for _ in range(3):
        await a_ready_match(world.here)
    _, outbox = await world.here.recovery.census()
    assert outbox.waiting == 2


async def test_a_departure_that_nobody_hears_is_counted_but_missed_by_nobody(world: World) -> None:
    here = world.here
    match, _ = await a_ready_match(here)
    assert await here.openings.leave(match, match.users[0], left_event(match, match.users[0]))
    found, left = await here.outbox.claim(10)
    await here.outbox.put_off([found.event_id, left.event_id])
    await world.pass_time(600)
    _, outbox = await here.recovery.census()
    assert outbox.waiting == 2
    assert outbox.oldest_seconds == pytest.approx(600, abs=5)
    await here.outbox.published([found.event_id])
    _, outbox = await here.recovery.census()
    assert (outbox.waiting, outbox.oldest_seconds) == (1, 0.0)
