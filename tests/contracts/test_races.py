"""Two replicas race for requests, thousands of times: the rows decide."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from domain.ids import RequestId, UserId
from domain.request import Admission, MatchRequest, RequestStatus
from tests.builders import (
    BUCKET,
    OTHER_BUCKET,
    a_pair,
    new_request_id,
    new_users,
)
from tests.contracts.races import MANY, at_once, chunks, consistent
from tests.contracts.stories import enqueued
from tests.contracts.world import Replica, World


async def test_propose_against_withdraw(world: World) -> None:
    """Who was told of a cancellation is in no match, and who was not is in one or waits."""
    users = new_users(2 * MANY)
    requests = await enqueued(world.here, users)
    pairs = [a_pair(one, other) for one, other in zip(users[::2], users[1::2], strict=True)]
    cancelled: set[RequestId] = set()

    async def withdraw(some: Sequence[MatchRequest]) -> None:
        cancelled.update(await world.other.requests.withdraw([request.id for request in some]))

    async def propose(some: Sequence[Any]) -> None:
        await world.here.proposals.propose(BUCKET, some)

    firsts = requests[::2]
    random.shuffle(firsts)
    await at_once([*map(propose, chunks(pairs, 20)), *map(withdraw, chunks(firsts, 7))])
    now, matches = await consistent(world)
    assert {request.id for request in now.values() if request.status is RequestStatus.CANCELLED} == cancelled
    assert len(matches) + len(cancelled) == MANY, "each pair is decided one way or the other"
    assert not cancelled & {seat.request_id for match in matches.values() for seat in match.participants}


async def test_propose_against_propose(world: World) -> None:
    """Two replicas look at the same people and put them together differently."""
    users = new_users(MANY)
    await enqueued(world.here, users)

    async def pair_all(here: Replica) -> None:
        order = random.sample(users, len(users))
        for some in chunks(order, 50):
            pairs = [a_pair(one, other) for one, other in zip(some[::2], some[1::2], strict=True)]
            await here.proposals.propose(BUCKET, pairs)

    await at_once(pair_all(here) for here in [world.here, world.other] * 3)
    requests, matches = await consistent(world)
    taken = Counter(user_id for match in matches.values() for user_id in match.users)
    assert set(taken.values()) == {1}
    matched = {request.user_id for request in requests.values() if request.status is RequestStatus.MATCHED}
    assert matched == set(taken)


async def test_insert_against_insert(world: World) -> None:
    """The same users ask at once, in two buckets, on two replicas: one live request each, and all are told it."""
    world.second_tries_allowed = True  # inserts keep the order of arrival, which may be another on each replica
    users = new_users(MANY)
    told: dict[UserId, set[RequestId]] = {user_id: set() for user_id in users}
    new: Counter[UserId] = Counter()

    async def ask(here: Replica, some: Sequence[UserId]) -> None:
        bucket = random.choice([BUCKET, OTHER_BUCKET])
        asked = [(new_request_id(), user_id) for user_id in some]
        for (_, user_id), outcome in zip(asked, await here.requests.add(bucket, asked), strict=True):
            if isinstance(outcome, Admission):
                told[user_id].add(outcome.request.id)
                new[user_id] += not outcome.already_queued
            else:
                told[user_id].add(outcome.request_id)

    await at_once(
        ask(here, some) for size in (20, 30, 50) for here in (world.here, world.other) for some in chunks(users, size)
    )
    requests, _ = await consistent(world)
    assert len(requests) == MANY
    assert {request.user_id: {request.id} for request in requests.values()} == told
    assert set(new.values()) == {1}


async def test_renew_against_renew(world: World) -> None:
    """Everybody asks again at once on two replicas: each keeps the request, and nobody waits in a circle."""
    users = new_users(MANY // 2)
    requests = {request.user_id: request.id for request in await enqueued(world.here, users)}

    async def renew(here: Replica) -> None:
        some = random.sample(users, 100)
        for outcome in await here.requests.add(BUCKET, [(new_request_id(), user_id) for user_id in some]):
            assert isinstance(outcome, Admission)
            assert outcome.request.id == requests[outcome.request.user_id]

    await at_once(renew(here) for here in [world.here, world.other] * 20)


async def test_a_live_request_is_refused_with_the_truth_while_it_is_being_matched(world: World) -> None:
    users = new_users(200)
    await enqueued(world.here, users)
    pairs = [a_pair(one, other) for one, other in zip(users[::2], users[1::2], strict=True)]

    told: dict[UserId, RequestId] = {}

    async def ask_again(user_id: UserId) -> None:
        [outcome] = await world.other.requests.add(BUCKET, [(new_request_id(), user_id)])
        told[user_id] = outcome.request.id if isinstance(outcome, Admission) else outcome.request_id

    async def propose(some: Sequence[Any]) -> None:
        await world.here.proposals.propose(BUCKET, some)

    await at_once([*map(ask_again, users), *map(propose, chunks(pairs, 5))])
    requests, _ = await consistent(world)
    assert told == {request.user_id: request.id for request in requests.values()}
