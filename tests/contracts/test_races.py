"""Two replicas, one truth: thousands of races that the rows decide."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from domain import requeue
from domain.errors import Conflict
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match, MatchState
from domain.request import Admission, MatchRequest, RequestStatus
from tests.builders import (
    BUCKET,
    OTHER_BUCKET,
    a_pair,
    a_question,
    found_event,
    new_request_id,
    new_session_id,
    new_users,
)
from tests.contracts.stories import enqueued, proposed
from tests.contracts.world import Replica, World
from tests.fakes.store import CONFIRM_SECONDS

T = TypeVar("T")

MANY = 1000
HELD_TOGETHER = {RequestStatus.MATCHED, RequestStatus.CONFIRMED}


def chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))


async def at_once(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do them side by side, as many as two replicas have connections, starting in any order."""
    shuffled = list(works)
    random.shuffle(shuffled)
    left = iter(shuffled)

    async def do_some() -> None:
        for work in left:
            await work

    outcomes = await asyncio.gather(*(do_some() for _ in range(10)), return_exceptions=True)
    assert outcomes == [None] * 10


async def consistent(world: World) -> tuple[dict[RequestId, MatchRequest], dict[MatchId, Match]]:
    """Everything there is, after a look at what must hold whatever happened."""
    requests, matches = await world.all_requests(), await world.all_matches()
    live = Counter(request.user_id for request in requests.values() if request.status.is_live)
    assert not [user_id for user_id, number in live.items() if number > 1]
    for request in requests.values():
        if request.status in HELD_TOGETHER:
            assert request.match_id is not None
            assert request.id in {seat.request_id for seat in matches[request.match_id].participants}
    for match in matches.values():
        if match.state in (MatchState.PROPOSED, MatchState.CONFIRMED):
            for seat in match.participants:
                assert requests[seat.request_id].match_id == match.id
    return requests, matches


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


async def test_confirm_against_decline_against_the_deadline(world: World) -> None:
    """Half of them overdue: the first to be written wins, and what was said to each is true afterwards."""
    overdue = await proposed(world.here, MANY // 2)
    await world.pass_time(CONFIRM_SECONDS + 1)
    matches = overdue + await proposed(world.here, MANY // 2)
    confirmed: set[MatchId] = set()
    ended: Counter[MatchId] = Counter()

    async def confirm(some: Sequence[Match]) -> None:
        yes = [(match.id, user_id, new_session_id()) for match in some for user_id in match.users]
        outcomes = await world.here.matches.confirm(random.sample(yes, len(yes)))
        confirmed.update(one[0].id for one in outcomes if one and one[0].state is MatchState.CONFIRMED)

    async def decline(match: Match) -> None:
        await end(match, lambda seen: requeue.decline(seen, random.choice(seen.users)))

    async def expire(match: Match) -> None:
        await end(match, requeue.expire)

    async def end(match: Match, decide: Any) -> None:
        seen = await world.other.matches.get(match.id)
        assert seen is not None
        try:
            ending = decide(seen)
        except Conflict:
            return
        ended[match.id] += await world.other.matches.end(ending) is not None

    await at_once([*map(confirm, chunks(matches, 20)), *map(decline, matches[::2]), *map(expire, matches)])
    _, now = await consistent(world)
    assert max(ended.values()) == 1
    assert confirmed.isdisjoint(match_id for match_id, number in ended.items() if number)
    assert confirmed == {match.id for match in now.values() if match.state is MatchState.CONFIRMED}
    assert not confirmed & {match.id for match in overdue}
    assert {now[match.id].state for match in overdue} == {MatchState.EXPIRED}


async def test_confirm_against_confirm(world: World) -> None:
    """Everybody says yes on both replicas, twice: one session id each, and one caller sees it become true."""
    matches = await proposed(world.here, MANY)
    seen: dict[MatchId, set[SessionId | None]] = {match.id: set() for match in matches}
    completed: Counter[MatchId] = Counter()

    async def confirm(here: Replica, some: Sequence[tuple[MatchId, UserId]]) -> None:
        for outcome in await here.matches.confirm([(*one, new_session_id()) for one in some]):
            if outcome is not None:
                match, is_news = outcome
                seen[match.id].add(match.session_id)
                completed[match.id] += is_news and match.state is MatchState.CONFIRMED

    seats = [(match.id, user_id) for match in matches for user_id in match.users]
    await at_once(
        confirm(here, some)
        for here in [world.here, world.other] * 2
        for some in chunks(random.sample(seats, len(seats)), 40)
    )
    _, now = await consistent(world)
    assert {match.state for match in now.values()} == {MatchState.CONFIRMED}
    assert {match_id: {match.session_id} for match_id, match in now.items()} == seen
    assert set(completed.values()) <= {1, 2}, "both at once in one batch, or one after the other"


async def test_ready_against_fail(world: World) -> None:
    """A session is opened, or both wait again; there is an event for the first kind only."""
    matches = await proposed(world.here, MANY // 2)
    yes = [(match.id, user_id, new_session_id()) for match in matches for user_id in match.users]
    for some in chunks(yes, 100):
        await world.here.matches.confirm(some)
    opened: set[MatchId] = set()
    failed: set[MatchId] = set()

    async def open_(here: Replica, match: Match) -> None:
        question = await here.openings.keep_question(match.id, a_question())
        if question is None:
            return
        session = match.session_about(question)
        if await here.openings.ready(session, found_event(session)):
            assert match.id not in opened
            opened.add(match.id)

    async def fail(match: Match) -> None:
        await asyncio.sleep(random.random() / 200)
        if await world.other.matches.end(requeue.fail(match)) is not None:
            failed.add(match.id)

    confirmed = list((await world.all_matches()).values())
    both = (world.here, world.other)
    await at_once([open_(here, match) for here in both for match in confirmed] + [fail(one) for one in confirmed])
    requests, now = await consistent(world)
    assert opened | failed == now.keys()
    assert not opened & failed
    assert {match.id for match in now.values() if match.state is MatchState.READY} == opened
    assert len(await world.here.outbox.claim(2 * MANY)) == len(opened)
    statuses = {seat.request_id: one.state for one in now.values() for seat in one.participants}
    for request_id, state in statuses.items():
        expected = RequestStatus.CONFIRMED if state is MatchState.READY else RequestStatus.PENDING
        assert requests[request_id].status is expected


async def test_marks_never_hold_up_confirmations(world: World) -> None:
    """Both touch the same rows in batches, each in an order of its own."""
    matches = await proposed(world.here, MANY // 2)
    yes = [(match.id, user_id, new_session_id()) for match in matches for user_id in match.users]
    told = [(match.id, MatchState.PROPOSED) for match in matches]

    async def confirm(some: Sequence[tuple[MatchId, UserId, SessionId]]) -> None:
        await world.here.matches.confirm(random.sample(some, len(some)))

    async def mark() -> None:
        await world.other.matches.mark_told(random.sample(told, len(told)))

    await at_once([*map(confirm, chunks(yes, 100)), *(mark() for _ in range(20))])
    assert {match.state for match in (await world.all_matches()).values()} == {MatchState.CONFIRMED}


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
