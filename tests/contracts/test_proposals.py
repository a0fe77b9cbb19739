"""The one way in which a match comes to be."""

from __future__ import annotations

import asyncio

import pytest

from domain import requeue
from domain.match import MatchState
from domain.pairing import Pair
from domain.request import RequestStatus
from tests.builders import (
    ANN,
    BEN,
    BUCKET,
    CAT,
    DAN,
    OTHER_BUCKET,
    a_pair,
    a_question,
    new_match_id,
    new_session_id,
    new_users,
    place,
)
from tests.contracts.stories import a_proposed_match, a_ready_match, enqueued, read
from tests.contracts.world import Replica, World
from tests.fakes.store import CONFIRM_SECONDS, SEARCH_SECONDS


async def test_two_who_wait_in_the_bucket_are_matched(world: World) -> None:
    ann, ben = await enqueued(world.here, [ANN, BEN])
    match_id = new_match_id()
    verdict = await world.here.proposals.propose(BUCKET, [(match_id, Pair(place(ann), place(ben)))])
    [match] = verdict.matches
    assert not verdict.free
    assert not verdict.held
    assert (match.id, match.bucket, match.state) == (match_id, BUCKET, MatchState.PROPOSED)
    assert (match.first.user_id, match.first.request_id) == (ANN, ann.id)
    assert (match.second.user_id, match.second.request_id) == (BEN, ben.id)
    assert (match.deadline - match.created_at).total_seconds() == pytest.approx(CONFIRM_SECONDS, abs=0.1)
    assert await read(world.here, match_id) == match
    for request in (await world.all_requests()).values():
        assert (request.status, request.match_id) == (RequestStatus.MATCHED, match_id)


async def test_a_pair_brings_its_question(world: World) -> None:
    ann, ben = await enqueued(world.here, [ANN, BEN])
    match_id = new_match_id()
    pair = Pair(place(ann), place(ben), question=a_question(7))
    [match] = (await world.here.proposals.propose(BUCKET, [(match_id, pair)])).matches
    assert match.question == a_question(7)
    assert await read(world.here, match_id) == match


async def test_proposing_again_with_the_same_ids_makes_no_second_match(world: World) -> None:
    match = await a_proposed_match(world.here)
    pair = a_pair(*match.users)[1]
    verdict = await world.here.proposals.propose(BUCKET, [(match.id, pair)])
    assert not verdict.matches
    assert not verdict.held
    assert (await world.all_matches()).keys() == {match.id}


async def test_a_pair_that_is_no_longer_true_leaves_the_other_one_free(here: Replica) -> None:
    await enqueued(here, [ANN])
    verdict = await here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])
    assert not verdict.matches
    assert [one.user_id for one in verdict.free] == [ANN]


async def test_ghosts_of_whom_postgres_knows_nothing_are_neither_matched_nor_free(here: Replica) -> None:
    verdict = await here.proposals.propose(BUCKET, [a_pair(ANN, BEN), a_pair(CAT, DAN)])
    assert (list(verdict.matches), list(verdict.free), list(verdict.held)) == ([], [], [])


async def test_who_waits_in_another_bucket_is_not_matched_in_this_one(world: World) -> None:
    await enqueued(world.here, [ANN])
    await enqueued(world.here, [BEN], OTHER_BUCKET)
    verdict = await world.here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])
    assert not verdict.matches
    assert [one.user_id for one in verdict.free] == [ANN]
    assert not verdict.held


async def test_who_is_matched_already_is_not_matched_again(world: World) -> None:
    match = await a_proposed_match(world.here)
    await enqueued(world.here, [CAT])
    verdict = await world.here.proposals.propose(BUCKET, [a_pair(match.first.user_id, CAT)])
    assert not verdict.matches
    assert [one.user_id for one in verdict.free] == [CAT]
    assert (await read(world.here, match.id)).users == match.users


async def test_who_has_a_session_open_may_be_matched_by_a_new_request(here: Replica) -> None:
    match, _ = await a_ready_match(here)
    await enqueued(here, [match.first.user_id, CAT])
    verdict = await here.proposals.propose(BUCKET, [a_pair(match.first.user_id, CAT)])
    assert len(verdict.matches) == 1


async def test_whose_search_is_over_is_not_matched_even_before_that_is_written(world: World) -> None:
    await enqueued(world.here, [ANN])
    await world.pass_time(SEARCH_SECONDS + 1)
    await enqueued(world.here, [BEN])
    verdict = await world.here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])
    assert not verdict.matches
    assert [one.user_id for one in verdict.free] == [BEN]
    assert not verdict.held


async def test_each_pair_of_a_batch_stands_for_itself(here: Replica) -> None:
    users = new_users(40)
    requests = await enqueued(here, users)
    await here.requests.withdraw([requests[0].id, requests[11].id])
    pairs = [a_pair(one, other) for one, other in zip(users[::2], users[1::2], strict=True)]
    verdict = await here.proposals.propose(BUCKET, pairs)
    assert {match.id for match in verdict.matches} == {match_id for match_id, _ in pairs} - {pairs[0][0], pairs[5][0]}
    assert {one.user_id for one in verdict.free} == {users[1], users[10]}


async def test_one_user_in_two_pairs_of_a_batch_is_matched_once(world: World) -> None:
    await enqueued(world.here, [ANN, BEN, CAT])
    verdict = await world.here.proposals.propose(BUCKET, [a_pair(ANN, BEN), a_pair(ANN, CAT), a_pair(CAT, BEN)])
    assert [set(match.users) for match in verdict.matches] == [{ANN, BEN}]
    assert {one.user_id for one in verdict.free} == {CAT}
    assert (await world.all_matches()).keys() == {match.id for match in verdict.matches}


async def test_two_who_just_failed_together_are_not_matched_and_whom_to_avoid_is_told(here: Replica) -> None:
    match = await a_proposed_match(here)
    ann, ben = match.users
    await here.matches.confirm([(match.id, ann, new_session_id()), (match.id, ben, new_session_id())])
    assert await here.matches.end(requeue.fail(await read(here, match.id))) is not None
    verdict = await here.proposals.propose(BUCKET, [a_pair(ann, ben)])
    assert not verdict.matches
    assert {(one.user_id, one.avoid) for one in verdict.free} == {(ann, ben), (ben, ann)}
    assert len((await here.proposals.propose(BUCKET, [a_pair(ann, ben, again=True)])).matches) == 1


async def test_it_is_enough_that_one_of_two_avoids_the_other(here: Replica) -> None:
    match = await a_proposed_match(here)
    ann, ben = match.users
    await here.matches.end(requeue.decline(match, ben))
    await enqueued(here, [ben])
    for pair in (a_pair(ann, ben), a_pair(ben, ann)):
        assert not (await here.proposals.propose(BUCKET, [pair])).matches
    assert len((await here.proposals.propose(BUCKET, [a_pair(ann, ben, again=True)])).matches) == 1


async def test_whom_another_replica_holds_is_held_and_the_other_one_free(world: World) -> None:
    await enqueued(world.here, [ANN, BEN])
    async with world.hold(ANN):
        verdict = await world.here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])
    assert not verdict.matches
    assert set(verdict.held) == {ANN}
    assert [one.user_id for one in verdict.free] == [BEN]
    assert len((await world.here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])).matches) == 1


async def test_holding_one_pair_does_not_keep_the_others_waiting(world: World) -> None:
    users = new_users(20)
    await enqueued(world.here, users)
    pairs = [a_pair(one, other) for one, other in zip(users[::2], users[1::2], strict=True)]
    async with world.hold(users[0]):
        verdict = await world.here.proposals.propose(BUCKET, pairs)
    assert len(verdict.matches) == 9
    assert set(verdict.held) == {users[0]}


async def test_an_empty_proposal_is_nothing(here: Replica) -> None:
    verdict = await here.proposals.propose(BUCKET, [])
    assert not verdict.matches


async def test_proposals_of_two_buckets_in_one_statement_do_not_mix(here: Replica, world: World) -> None:
    await enqueued(here, [ANN, CAT, DAN], OTHER_BUCKET)
    await enqueued(here, [BEN])
    ours, theirs = await asyncio.gather(
        here.proposals.propose(BUCKET, [a_pair(ANN, BEN)]),
        here.proposals.propose(OTHER_BUCKET, [a_pair(CAT, DAN), a_pair(BEN, ANN)]),
    )
    assert not ours.matches
    assert [one.user_id for one in ours.free] == [BEN]
    assert [match.users for match in theirs.matches] == [(CAT, DAN)]
    assert [one.user_id for one in theirs.free] == [ANN]
    assert len(await world.all_matches()) == 1
