"""The truth about requests."""

from __future__ import annotations

import pytest

from domain.errors import LiveRequestExists
from domain.ids import UserId
from domain.request import Admission, MatchRequest, RequestStatus
from tests.builders import (
    ANN,
    BEN,
    BUCKET,
    CAT,
    OTHER_BUCKET,
    a_pair,
    new_request_id,
    new_users,
)
from tests.contracts.stories import a_confirmed_match, a_proposed_match, a_ready_match, enqueued
from tests.contracts.world import Replica, World
from tests.fakes.store import SEARCH_SECONDS


async def status_of(here: Replica, request: MatchRequest) -> RequestStatus | None:
    now = await here.requests.get(request.user_id, request.id)
    return now.status if now else None


async def test_a_new_request_is_pending_and_searches_for_as_long_as_configured(here: Replica) -> None:
    request_id = new_request_id()
    [outcome] = await here.requests.add(BUCKET, [(request_id, ANN)])
    assert isinstance(outcome, Admission)
    assert not outcome.already_queued
    request = outcome.request
    assert (request.id, request.user_id, request.bucket) == (request_id, ANN, BUCKET)
    assert (request.status, request.match_id, request.avoid) == (RequestStatus.PENDING, None, None)
    assert (request.expires_at - request.created_at).total_seconds() == pytest.approx(SEARCH_SECONDS, abs=0.1)
    assert await here.requests.get(ANN, request_id) == request


async def test_a_request_is_its_owners_alone(here: Replica) -> None:
    [request] = await enqueued(here, [ANN])
    assert await here.requests.get(BEN, request.id) is None
    assert await here.requests.get(ANN, new_request_id()) is None


async def test_outcomes_come_in_the_order_of_the_batch(here: Replica) -> None:
    users = new_users(50)
    assert [request.user_id for request in await enqueued(here, users)] == users
    assert [one.user_id for one in await here.requests.waiting(BUCKET, 100)] == users


async def test_adding_again_with_the_same_id_changes_nothing(here: Replica) -> None:
    """What is sent again because its answer got lost."""
    asked = [(new_request_id(), ANN), (new_request_id(), BEN)]
    first, again = await here.requests.add(BUCKET, asked), await here.requests.add(BUCKET, asked)
    for one, same in zip(first, again, strict=True):
        assert isinstance(one, Admission)
        assert isinstance(same, Admission)
        assert not same.already_queued
        assert (same.request.id, same.request.created_at) == (one.request.id, one.request.created_at)


async def test_asking_again_for_the_same_bucket_keeps_the_request_and_renews_the_search(world: World) -> None:
    here = world.here
    [request] = await enqueued(here, [ANN])
    await enqueued(here, [BEN])
    await world.pass_time(30)
    [before] = [one for one in (await world.all_requests()).values() if one.user_id == ANN]
    [outcome] = await here.requests.add(BUCKET, [(new_request_id(), ANN)])
    assert isinstance(outcome, Admission)
    assert outcome.already_queued
    assert (outcome.request.id, outcome.request.created_at) == (request.id, before.created_at)
    assert (outcome.request.expires_at - before.expires_at).total_seconds() == pytest.approx(30, abs=1)
    assert [one.user_id for one in await here.requests.waiting(BUCKET, 2)] == [ANN, BEN]


async def test_asking_again_at_the_very_second_of_the_time_out_revives_the_request(world: World) -> None:
    [request] = await enqueued(world.here, [ANN])
    await world.pass_time(SEARCH_SECONDS + 0.5)
    [outcome] = await world.here.requests.add(BUCKET, [(new_request_id(), ANN)])
    assert isinstance(outcome, Admission)
    assert outcome.request.id == request.id
    assert await world.here.requests.time_out([request.id]) == set()


async def test_asking_for_another_bucket_is_told_of_the_live_request_and_renews_nothing(world: World) -> None:
    here = world.here
    [request] = await enqueued(here, [ANN])
    [outcome] = await here.requests.add(OTHER_BUCKET, [(new_request_id(), ANN)])
    assert isinstance(outcome, LiveRequestExists)
    assert (outcome.request_id, outcome.match_id) == (request.id, None)
    assert (await world.all_requests())[request.id] == request


async def test_asking_while_a_match_awaits_confirmation_is_told_of_the_match(here: Replica) -> None:
    match = await a_proposed_match(here)
    seat = match.first
    for bucket in (BUCKET, OTHER_BUCKET):
        [outcome] = await here.requests.add(bucket, [(new_request_id(), seat.user_id)])
        assert isinstance(outcome, LiveRequestExists)
        assert (outcome.request_id, outcome.match_id) == (seat.request_id, match.id)


async def test_adding_again_with_the_same_id_after_a_match_was_made_is_still_no_conflict(here: Replica) -> None:
    match = await a_proposed_match(here)
    [outcome] = await here.requests.add(BUCKET, [(match.first.request_id, match.first.user_id)])
    assert isinstance(outcome, Admission)
    assert outcome.request.match_id == match.id


async def test_a_user_may_ask_again_once_the_session_is_open(here: Replica) -> None:
    match, _ = await a_ready_match(here)
    [outcome] = await here.requests.add(OTHER_BUCKET, [(new_request_id(), match.first.user_id)])
    assert isinstance(outcome, Admission)


async def test_the_same_user_twice_in_one_batch_gets_one_request(here: Replica, world: World) -> None:
    one, two = new_request_id(), new_request_id()
    outcomes = await here.requests.add(BUCKET, [(one, ANN), (two, ANN), (new_request_id(), BEN)])
    admitted = [outcome for outcome in outcomes if isinstance(outcome, Admission)]
    assert [outcome.request.id for outcome in admitted[:2]] == [one, one]
    assert [outcome.already_queued for outcome in admitted] == [False, True, False]
    assert len(await world.all_requests()) == 2


async def test_a_batch_may_hold_the_admitted_the_renewed_and_the_refused(here: Replica) -> None:
    [ann] = await enqueued(here, [ANN])
    [ben] = await enqueued(here, [BEN], OTHER_BUCKET)
    asked = [(new_request_id(), user_id) for user_id in (BEN, CAT, ANN)]
    refused, admitted, renewed = await here.requests.add(BUCKET, asked)
    assert isinstance(refused, LiveRequestExists)
    assert refused.request_id == ben.id
    assert isinstance(admitted, Admission)
    assert admitted.request.id == asked[1][0]
    assert isinstance(renewed, Admission)
    assert renewed.request.id == ann.id


async def test_an_empty_batch_is_nothing(here: Replica) -> None:
    assert list(await here.requests.add(BUCKET, [])) == []
    assert not await here.requests.withdraw([])
    assert not await here.requests.time_out([])


async def test_a_withdrawn_request_is_cancelled_and_waits_no_more(here: Replica) -> None:
    ann, ben = await enqueued(here, [ANN, BEN])
    assert await here.requests.withdraw([ann.id]) == {ann.id}
    assert await status_of(here, ann) is RequestStatus.CANCELLED
    assert await status_of(here, ben) is RequestStatus.PENDING
    assert [one.user_id for one in await here.requests.waiting(BUCKET, 10)] == [BEN]


async def test_withdrawing_twice_says_the_same_twice(here: Replica) -> None:
    [ann] = await enqueued(here, [ANN])
    assert await here.requests.withdraw([ann.id]) == await here.requests.withdraw([ann.id, ann.id]) == {ann.id}


async def test_only_what_is_pending_can_be_withdrawn(world: World) -> None:
    here = world.here
    [late] = await enqueued(here, [ANN])
    await world.pass_time(SEARCH_SECONDS + 1)
    await here.requests.time_out([late.id])
    taken = [await a_proposed_match(here), await a_confirmed_match(here), (await a_ready_match(here))[0]]
    ids = [late.id, new_request_id(), *(match.first.request_id for match in taken)]
    before = await world.all_requests()
    assert not await here.requests.withdraw(ids)
    assert await world.all_requests() == before


async def test_a_withdrawn_request_is_never_paired(here: Replica) -> None:
    ann, _ = await enqueued(here, [ANN, BEN])
    await here.requests.withdraw([ann.id])
    verdict = await here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])
    assert not verdict.matches
    assert [one.user_id for one in verdict.free] == [BEN]


async def test_a_search_ends_when_the_time_is_up_and_not_before(world: World) -> None:
    [ann] = await enqueued(world.here, [ANN])
    assert await world.here.requests.time_out([ann.id]) == set()
    await world.pass_time(SEARCH_SECONDS - 5)
    assert await world.here.requests.time_out([ann.id]) == set()
    await world.pass_time(6)
    assert await world.here.requests.time_out([ann.id]) == {ann.id}
    assert await status_of(world.here, ann) is RequestStatus.TIMED_OUT
    assert await world.here.requests.time_out([ann.id]) == set()


async def test_a_late_timer_touches_neither_a_match_nor_a_cancelled_request(world: World) -> None:
    match = await a_proposed_match(world.here)
    [ann] = await enqueued(world.here, [ANN])
    await world.here.requests.withdraw([ann.id])
    await world.pass_time(SEARCH_SECONDS + 1)
    assert await world.here.requests.time_out([ann.id, match.first.request_id]) == set()


async def test_who_waits_is_told_oldest_first_up_to_a_number_and_only_while_searching(world: World) -> None:
    here = world.here
    early, late = new_users(3), new_users(3)
    await enqueued(here, early)
    await enqueued(here, new_users(2), OTHER_BUCKET)
    await world.pass_time(40)
    requests = await enqueued(here, late)
    assert [one.user_id for one in await here.requests.waiting(BUCKET, 4)] == [*early, late[0]]
    await world.pass_time(30)
    waiting = await here.requests.waiting(BUCKET, 10)
    assert [one.user_id for one in waiting] == late
    now = await world.all_requests()
    assert [one.since for one in waiting] == [now[request.id].created_at.timestamp() for request in requests]


async def test_of_a_crowd_those_are_named_who_wait_here_and_still_search(world: World) -> None:
    here = world.here
    match = await a_proposed_match(here)
    late, gone, elsewhere, waits = new_users(4)
    await enqueued(here, [late])
    await world.pass_time(SEARCH_SECONDS + 1)
    [request, _] = await enqueued(here, [gone, waits])
    await enqueued(here, [elsewhere], OTHER_BUCKET)
    await here.requests.withdraw([request.id])
    crowd = [late, gone, elsewhere, waits, match.first.user_id, UserId("ghost")]
    assert await here.requests.still_waiting(BUCKET, crowd) == {waits}
    assert await here.requests.still_waiting(BUCKET, []) == set()
