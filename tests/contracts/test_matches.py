"""The truth about matches: confirmations and endings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from domain import requeue
from domain.match import Match, MatchState
from domain.request import RequestStatus
from domain.requeue import Ending
from tests.builders import ANN, BUCKET, CAT, a_match, a_pair, new_match_id, new_session_id
from tests.contracts.stories import (
    a_confirmed_match,
    a_proposed_match,
    a_ready_match,
    enqueued,
    proposed,
    read,
    say_yes,
)
from tests.contracts.world import Replica, World
from tests.fakes.store import CONFIRM_SECONDS, SEARCH_SECONDS

ENDINGS: dict[str, Callable[[Match], Ending]] = {
    "declined by the first": lambda match: requeue.decline(match, match.first.user_id),
    "declined by the second": lambda match: requeue.decline(match, match.second.user_id),
    "expired": requeue.expire,
}


async def test_the_first_yes_is_noted_and_fixes_the_session_id(here: Replica) -> None:
    match, session_id = await a_proposed_match(here), new_session_id()
    [outcome] = await here.matches.confirm([(match.id, match.first.user_id, session_id)])
    assert outcome is not None
    now, is_news = outcome
    assert is_news
    assert (now.state, now.session_id) == (MatchState.PROPOSED, session_id)
    assert (now.first.confirmed, now.second.confirmed) == (True, False)
    assert now == await read(here, match.id)


async def test_the_second_yes_confirms_the_match_and_keeps_the_session_id(here: Replica) -> None:
    match, session_id = await a_proposed_match(here), new_session_id()
    await here.matches.confirm([(match.id, match.second.user_id, session_id)])
    outcome = await say_yes(here, match.id, match.first.user_id)
    assert outcome is not None
    now, is_news = outcome
    assert is_news
    assert (now.state, now.session_id) == (MatchState.CONFIRMED, session_id)
    assert now.confirmed_at is not None
    assert now.confirmed_for < 1


async def test_a_yes_said_twice_is_news_once(here: Replica) -> None:
    match = await a_proposed_match(here)
    first = await say_yes(here, match.id, match.first.user_id)
    again = await say_yes(here, match.id, match.first.user_id)
    assert first is not None
    assert again is not None
    assert (first[1], again[1]) == (True, False)
    assert first[0] == again[0]


async def test_two_yeses_in_one_batch_confirm_the_match_for_both(here: Replica) -> None:
    match = await a_proposed_match(here)
    outcomes = await here.matches.confirm([(match.id, user_id, new_session_id()) for user_id in match.users])
    assert [outcome[0].state for outcome in outcomes if outcome] == [MatchState.CONFIRMED] * 2
    assert len({outcome[0].session_id for outcome in outcomes if outcome}) == 1


async def test_the_same_yes_twice_in_one_batch_is_news_once_and_does_not_confirm_for_the_partner(here: Replica) -> None:
    match = await a_proposed_match(here)
    outcomes = await here.matches.confirm([(match.id, match.first.user_id, new_session_id()) for _ in range(2)])
    assert [outcome[0].state for outcome in outcomes if outcome] == [MatchState.PROPOSED] * 2
    assert [outcome[1] for outcome in outcomes if outcome] == [True, False]
    assert not (await read(here, match.id)).second.confirmed


async def test_a_strangers_yes_counts_for_nobody_whoever_else_is_in_the_batch(here: Replica) -> None:
    match = await a_proposed_match(here)
    asked = [(match.id, CAT), (match.id, match.first.user_id), (new_match_id(), match.first.user_id)]
    stranger, own, unknown = await here.matches.confirm([(*one, new_session_id()) for one in asked])
    assert stranger is None
    assert unknown is None
    assert own is not None
    assert own[0].state is MatchState.PROPOSED
    assert await say_yes(here, match.id, CAT) is None
    assert not (await read(here, match.id)).second.confirmed


async def test_a_large_batch_answers_each_in_its_place(here: Replica) -> None:
    matches = await proposed(here, 30)
    yes = [(match.id, user_id, new_session_id()) for match in matches for user_id in match.users]
    outcomes = await here.matches.confirm(yes[::2] + yes[1::2])
    assert [outcome[0].id for outcome in outcomes if outcome] == [match.id for match in matches] * 2
    assert {outcome[0].state for outcome in outcomes if outcome} == {MatchState.CONFIRMED}


async def test_a_yes_after_the_deadline_comes_too_late(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.pass_time(CONFIRM_SECONDS + 1)
    assert await say_yes(world.here, match.id, match.first.user_id) is None
    now = await read(world.here, match.id)
    assert now.overdue
    assert not now.first.confirmed


async def test_a_yes_to_a_match_that_is_not_open_is_none(here: Replica) -> None:
    declined = await a_proposed_match(here)
    await here.matches.end(requeue.decline(declined, declined.first.user_id))
    for match in (declined, await a_confirmed_match(here), (await a_ready_match(here))[0]):
        assert await say_yes(here, match.id, match.second.user_id) is None


async def test_an_unknown_match_is_none(here: Replica) -> None:
    assert await here.matches.get(new_match_id()) is None
    assert await here.matches.of_user(ANN, new_match_id()) is None
    assert await here.matches.of_session(ANN, new_session_id()) is None


async def test_a_match_is_found_by_its_session_and_its_users_only(here: Replica) -> None:
    match, session = await a_ready_match(here)
    for user_id in match.users:
        found = await here.matches.of_session(user_id, session.id)
        assert found is not None
        assert (found.id, found.session) == (match.id, session)
        own = await here.matches.of_user(user_id, match.id)
        assert own is not None
        assert own.id == match.id
    assert await here.matches.of_session(CAT, session.id) is None
    assert await here.matches.of_user(CAT, match.id) is None


@pytest.mark.parametrize("how", ENDINGS)
@pytest.mark.parametrize("first_confirmed", [False, True])
async def test_an_ending_is_written_with_what_becomes_of_both(world: World, how: str, first_confirmed: bool) -> None:
    here = world.here
    match = await a_proposed_match(here)
    if first_confirmed:
        await say_yes(here, match.id, match.first.user_id)
    if how == "expired":
        await world.pass_time(CONFIRM_SECONDS + 1)
    ending = ENDINGS[how](await read(here, match.id))
    pending = await here.matches.end(ending)
    assert pending is not None
    now, requests = await read(here, match.id), await world.all_requests()
    assert (now.state, now.declined_by) == (ending.state, ending.declined_by)
    for seat in ending.match.participants:
        request, outcome = requests[seat.request_id], ending.outcome(seat)
        assert request.status is outcome
        assert (request in pending) == (outcome is RequestStatus.PENDING)


async def test_who_waits_again_does_so_at_the_old_place_with_a_fresh_search_and_avoids_the_partner(
    world: World,
) -> None:
    here = world.here
    match = await a_proposed_match(here)
    [late] = await enqueued(here, [CAT])
    await world.pass_time(50)
    before = await world.all_requests()
    [request] = await here.matches.end(requeue.decline(await read(here, match.id), match.second.user_id)) or []
    assert request.id == match.first.request_id
    assert request.created_at == before[request.id].created_at
    assert (request.expires_at - before[late.id].expires_at).total_seconds() == pytest.approx(50, abs=1)
    assert (request.match_id, request.avoid) == (None, match.second.user_id)
    assert [one.user_id for one in await here.requests.waiting(BUCKET, 10)] == [match.first.user_id, CAT]
    assert next(iter(await world.all_requests())) == request.id, "the place of the insertion is kept"


async def test_a_failed_match_sends_both_back(world: World) -> None:
    match = await a_confirmed_match(world.here)
    pending = await world.here.matches.end(requeue.fail(match))
    assert pending is not None
    assert {(one.user_id, one.avoid) for one in pending} == {match.users, match.users[::-1]}
    assert (await read(world.here, match.id)).state is MatchState.FAILED


async def test_an_ending_written_twice_is_written_once(world: World) -> None:
    match = await a_proposed_match(world.here)
    ending = requeue.decline(match, match.first.user_id)
    assert await world.here.matches.end(ending) is not None
    before = await world.all_requests()
    assert await world.here.matches.end(ending) is None
    assert await world.all_requests() == before


async def test_an_ending_decided_before_a_yes_came_in_is_not_written(world: World) -> None:
    match = await a_proposed_match(world.here)
    await say_yes(world.here, match.id, match.first.user_id)
    await world.pass_time(CONFIRM_SECONDS + 1)
    for ending in (requeue.decline(match, match.second.user_id), requeue.expire(match)):
        assert await world.here.matches.end(ending) is None
    assert (await read(world.here, match.id)).state is MatchState.PROPOSED


async def test_a_match_does_not_expire_before_its_deadline(world: World) -> None:
    match = await a_proposed_match(world.here)
    await world.pass_time(CONFIRM_SECONDS - 5)
    assert await world.here.matches.end(requeue.expire(match)) is None
    await world.pass_time(6)
    assert await world.here.matches.end(requeue.expire(match)) == []


async def test_a_late_timer_of_an_ended_match_does_not_touch_the_next_one(world: World) -> None:
    here = world.here
    old = await a_proposed_match(here)
    await here.matches.end(requeue.decline(old, old.second.user_id))
    verdict_users = (old.first.user_id, CAT)
    await enqueued(here, [CAT])
    [match] = (await here.proposals.propose(BUCKET, [a_pair(*verdict_users)])).matches
    await world.pass_time(CONFIRM_SECONDS + 1)
    assert await here.matches.end(requeue.expire(old)) is None
    request = (await world.all_requests())[match.first.request_id]
    assert (request.status, request.match_id) == (RequestStatus.MATCHED, match.id)


@pytest.mark.parametrize("state", [state for state in MatchState if state is not MatchState.PROPOSED])
async def test_no_ending_leaves_another_state_than_the_one_it_names(here: Replica, state: MatchState) -> None:
    match = await a_proposed_match(here)
    assert await here.matches.end(Ending(a_match(state, id=match.id), MatchState.DECLINED)) is None


async def test_marks_are_for_the_state_that_was_told(world: World) -> None:
    here = world.here
    told, moved_on = await proposed(here, 2)
    await here.matches.end(requeue.decline(moved_on, moved_on.first.user_id))
    await here.matches.mark_told([(match.id, MatchState.PROPOSED) for match in (told, moved_on)])
    await here.matches.mark_told([])
    await world.pass_time(SEARCH_SECONDS)
    assert [match.id for match in (await here.recovery.leftovers()).untold] == [moved_on.id]
