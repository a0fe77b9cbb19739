"""Two replicas race for matches, thousands of times: the rows decide."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from domain import requeue
from domain.errors import Conflict
from domain.ids import MatchId, SessionId, UserId
from domain.match import Match, MatchState
from domain.request import RequestStatus
from tests.builders import (
    a_question,
    found_event,
    new_session_id,
)
from tests.contracts.races import MANY, at_once, chunks, consistent
from tests.contracts.stories import proposed
from tests.contracts.world import Replica, World
from tests.fakes.store import CONFIRM_SECONDS


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
