"""The read side: what users see of their own, and of nobody else's."""

from __future__ import annotations

import pytest

from domain import requeue
from domain.request import RequestStatus
from domain.session import Document
from tests.builders import (
    ANN,
    BEN,
    CAT,
    OTHER_BUCKET,
    left_event,
    new_match_id,
    new_request_id,
    new_session_id,
    new_users,
)
from tests.contracts.stories import a_confirmed_match, a_proposed_match, a_ready_match, enqueued, matched, opened, read
from tests.contracts.world import Replica, World
from tests.fakes.store import SESSION_SECONDS


async def test_ones_own_request_is_seen_by_oneself_only(here: Replica) -> None:
    [request] = await enqueued(here, [ANN])
    assert await here.reads.request(ANN, request.id) == request
    assert await here.reads.request(BEN, request.id) is None
    assert await here.reads.request(ANN, new_request_id()) is None


async def test_a_match_is_seen_by_its_two_users_whatever_became_of_it(here: Replica) -> None:
    match = await a_proposed_match(here)
    for user_id in match.users:
        assert await here.reads.match(user_id, match.id) == await read(here, match.id)
    assert await here.reads.match(CAT, match.id) is None
    assert await here.reads.match(ANN, new_match_id()) is None
    await here.matches.end(requeue.decline(match, match.first.user_id))
    seen = await here.reads.match(match.first.user_id, match.id)
    assert seen is not None
    assert seen.end_reason is not None


async def test_the_place_in_the_queue_counts_who_is_ahead_in_the_bucket(world: World) -> None:
    here = world.here
    requests = await enqueued(here, new_users(3))
    await enqueued(here, new_users(2), OTHER_BUCKET)
    await world.pass_time(10)
    places = [await here.reads.place(request) for request in (await world.all_requests()).values()]
    assert [place.position for place in places] == [1, 2, 3, 1, 2]
    assert places[0].waiting_seconds == pytest.approx(10, abs=1)
    assert places[0].estimated_wait_seconds is None
    await here.requests.withdraw([requests[0].id])
    assert (await here.reads.place(requests[2])).position == 2


async def test_the_estimated_wait_is_what_the_latest_matches_of_the_bucket_waited(world: World) -> None:
    here = world.here
    users = new_users(2)
    await enqueued(here, users)
    await world.pass_time(20)
    await matched(here, users)
    [request] = await enqueued(here, [ANN])
    estimate = (await here.reads.place(request)).estimated_wait_seconds
    assert estimate == pytest.approx(20, abs=1)


async def test_a_session_is_read_by_its_users_with_what_is_typed_in_it(world: World) -> None:
    match, session = await a_ready_match(world.here)
    await world.type_code(session.id, "x = 1")
    for user_id in match.users:
        assert await world.here.reads.session(user_id, session.id) == (session, Document("x = 1"))
        assert await world.here.reads.active_session(user_id) == session
    assert await world.here.reads.any_session(session.id) == (session, Document("x = 1"))


async def test_strangers_and_unknown_ids_see_no_session(here: Replica) -> None:
    _, session = await a_ready_match(here)
    assert await here.reads.session(CAT, session.id) is None
    assert await here.reads.active_session(CAT) is None
    assert await here.reads.session(ANN, new_session_id()) is None
    assert await here.reads.any_session(new_session_id()) is None


async def test_before_it_is_ready_a_session_cannot_be_read(here: Replica) -> None:
    match = await a_confirmed_match(here)
    assert match.session_id is not None
    assert await here.reads.session(match.first.user_id, match.session_id) is None
    assert await here.reads.any_session(match.session_id) is None
    assert await here.reads.active_session(match.first.user_id) is None


async def test_whoever_left_sees_the_session_no_more_and_the_partner_does(here: Replica) -> None:
    match, session = await a_ready_match(here)
    one, partner = match.users
    await here.openings.leave(match, one, left_event(match, one))
    assert await here.reads.active_session(one) is None
    assert await here.reads.session(one, session.id) is None
    assert await here.reads.active_session(partner) == session
    assert await here.reads.session(partner, session.id) is not None


async def test_of_two_sessions_the_newest_is_the_active_one(world: World) -> None:
    here = world.here
    match, _ = await a_ready_match(here)
    user_id = match.first.user_id
    await world.pass_time(5)
    await enqueued(here, [CAT, user_id])
    newer = await opened(here, await matched(here, [CAT, user_id]))
    assert await here.reads.active_session(user_id) == newer


async def test_a_session_is_read_for_as_long_as_it_lives_and_no_longer(world: World) -> None:
    match, session = await a_ready_match(world.here)
    await world.pass_time(SESSION_SECONDS - 60)
    assert await world.here.reads.session(match.first.user_id, session.id) is not None
    await world.pass_time(120)
    assert await world.here.reads.session(match.first.user_id, session.id) is None
    assert await world.here.reads.active_session(match.first.user_id) is None


async def test_a_session_that_redis_has_lost_is_read_from_postgres_and_put_back(world: World) -> None:
    match, session = await a_ready_match(world.here)
    await world.lose_index()
    assert await world.here.reads.session(match.first.user_id, session.id) == (session, Document())
    assert await world.typed(session.id) == Document()


async def test_a_snapshot_shows_where_a_user_stands_at_every_step(world: World) -> None:
    here = world.here
    nothing = await here.reads.snapshot(ANN)
    assert (nothing.request, nothing.match, nothing.session) == (None, None, None)
    [request] = await enqueued(here, [ANN])
    assert (await here.reads.snapshot(ANN)).request == request
    await enqueued(here, [BEN])
    match = await matched(here, [ANN, BEN])
    for user_id in (ANN, BEN):
        snapshot = await here.reads.snapshot(user_id)
        assert snapshot.request is not None
        assert (snapshot.request.status, snapshot.request.match_id) == (RequestStatus.MATCHED, match.id)
        assert snapshot.match == match
    session = await opened(here, match)
    snapshot = await here.reads.snapshot(ANN)
    assert (snapshot.request, snapshot.match, snapshot.session) == (None, None, session)
