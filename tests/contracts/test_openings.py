"""The truth about sessions: the question, readiness, leaving."""

from __future__ import annotations

import asyncio
import json

import pytest

from domain import requeue
from domain.match import MatchState
from domain.request import RequestStatus
from domain.session import Question
from tests.builders import CAT, a_question, a_session, found_event, left_event, new_match_id
from tests.contracts.stories import a_confirmed_match, a_proposed_match, a_ready_match, read
from tests.contracts.world import Replica, World


async def test_the_question_that_was_kept_first_stays(here: Replica, other: Replica) -> None:
    match = await a_confirmed_match(here)
    assert await here.openings.keep_question(match.id, a_question(1)) == a_question(1)
    assert await other.openings.keep_question(match.id, a_question(2)) == a_question(1)
    assert (await read(here, match.id)).question == a_question(1)


async def test_of_two_questions_kept_at_the_same_moment_one_stays_and_both_are_told_it(here: Replica) -> None:
    match = await a_confirmed_match(here)
    kept = await asyncio.gather(*(here.openings.keep_question(match.id, a_question(n)) for n in range(20)))
    assert len(set(kept)) == 1
    assert kept[0] is not None


@pytest.mark.parametrize(
    "question",
    [
        Question(a_question().id, 'Quotes " and \\ and \n', "Easy", ()),
        Question(a_question().id, "表題 🎉 \u202e", "easy", ("数组", "O'Reilly")),
        Question(a_question().id, "x" * 100_000, "hard", ("Array",) * 50),
    ],
)
async def test_any_question_comes_back_as_it_was(here: Replica, question: Question) -> None:
    match = await a_confirmed_match(here)
    assert await here.openings.keep_question(match.id, question) == question
    assert (await read(here, match.id)).question == question


async def test_a_question_is_kept_for_a_confirmed_match_only(here: Replica) -> None:
    failed = await a_confirmed_match(here)
    await here.matches.end(requeue.fail(failed))
    ready, _ = await a_ready_match(here)
    for match_id in (new_match_id(), (await a_proposed_match(here)).id, failed.id, ready.id):
        assert await here.openings.keep_question(match_id, a_question(9)) is None
    assert (await read(here, ready.id)).question != a_question(9)


async def test_a_ready_match_confirms_both_requests_and_promises_one_event(world: World) -> None:
    match, session = await a_ready_match(world.here)
    requests = await world.all_requests()
    assert match.state is MatchState.READY
    assert match.session == session
    assert {requests[seat.request_id].status for seat in match.participants} == {RequestStatus.CONFIRMED}
    [event] = await world.here.outbox.claim(10)
    assert event.routing_key == "match.found"
    assert json.loads(event.body)["session_id"] == session.id
    assert json.loads(event.body)["users"] == list(session.users)


async def test_ready_twice_from_two_replicas_promises_one_event(here: Replica, other: Replica) -> None:
    match = await a_confirmed_match(here)
    await here.openings.keep_question(match.id, a_question())
    session = match.session_about(a_question())
    replicas = [here, other] * 10
    made = await asyncio.gather(*(one.openings.ready(session, found_event(session)) for one in replicas))
    assert any(made)
    assert len(await here.outbox.claim(100)) == 1
    assert not await here.openings.ready(session, found_event(session))


async def test_only_a_confirmed_match_with_a_question_becomes_ready(here: Replica) -> None:
    without_question = await a_confirmed_match(here)
    failed = await a_confirmed_match(here)
    await here.openings.keep_question(failed.id, a_question())
    await here.matches.end(requeue.fail(failed))
    for match in (without_question, failed):
        session = match.session_about(a_question())
        assert not await here.openings.ready(session, found_event(session))
    assert not await here.openings.ready(a_session(), found_event(a_session()))
    assert not await here.outbox.claim(10)


async def test_a_ready_match_cannot_fail_any_more(here: Replica) -> None:
    match = await a_confirmed_match(here)
    question = await here.openings.keep_question(match.id, a_question())
    assert question is not None
    session = match.session_about(question)
    assert await here.openings.ready(session, found_event(session))
    assert await here.matches.end(requeue.fail(match)) is None
    assert (await read(here, match.id)).state is MatchState.READY


async def test_whoever_leaves_has_left_and_the_partner_stays(here: Replica) -> None:
    match, _ = await a_ready_match(here)
    one, partner = match.users
    assert await here.openings.leave(match, one, left_event(match, one))
    now = await read(here, match.id)
    assert now.state is MatchState.READY
    assert (now.seat_of(one).left, now.seat_of(partner).left) == (True, False)
    found, left = await here.outbox.claim(10)
    assert (found.routing_key, left.routing_key) == ("match.found", "session.left")
    assert json.loads(left.body)["remaining"] == [partner]


@pytest.mark.parametrize("first_to_go", [0, 1])
async def test_when_both_have_left_the_match_is_closed(here: Replica, first_to_go: int) -> None:
    match, session = await a_ready_match(here)
    one, partner = match.users[first_to_go], match.users[1 - first_to_go]
    await here.openings.leave(match, one, left_event(match, one))
    match = await read(here, match.id)
    assert await here.openings.leave(match, partner, left_event(match, partner))
    now = await read(here, match.id)
    assert now.state is MatchState.CLOSED
    assert now.session == session
    assert [json.loads(event.body).get("remaining") for event in await here.outbox.claim(10)] == [None, [partner], []]


async def test_leaving_twice_leaves_once(here: Replica) -> None:
    match, _ = await a_ready_match(here)
    user = match.first.user_id
    assert await here.openings.leave(match, user, left_event(match, user))
    assert not await here.openings.leave(match, user, left_event(match, user))
    assert not await here.openings.leave(await read(here, match.id), user, left_event(match, user))
    assert len(await here.outbox.claim(10)) == 2


async def test_leaving_again_with_the_same_event_says_again_that_it_was_done(here: Replica) -> None:
    """An answer that got lost on the way must not make the first one to leave look like the second."""
    match, _ = await a_ready_match(here)
    user = match.first.user_id
    event = left_event(match, user)
    assert await here.openings.leave(match, user, event)
    assert await here.openings.leave(match, user, event)
    assert len(await here.outbox.claim(10)) == 2


async def test_leaving_is_refused_when_who_is_in_the_session_has_changed(here: Replica) -> None:
    """Otherwise the event would name a partner who is gone."""
    match, _ = await a_ready_match(here)
    one, partner = match.users
    await here.openings.leave(match, one, left_event(match, one))
    assert not await here.openings.leave(match, partner, left_event(match, partner))


async def test_strangers_and_unopened_matches_cannot_be_left(here: Replica) -> None:
    match, _ = await a_ready_match(here)
    assert not await here.openings.leave(match, CAT, found_event(a_session()))
    confirmed = await a_confirmed_match(here)
    user = confirmed.first.user_id
    assert not await here.openings.leave(confirmed, user, left_event(confirmed, user))
    assert len(await here.outbox.claim(10)) == 1


async def test_both_leaving_at_once_from_two_replicas_close_the_match_after_another_look(
    here: Replica, other: Replica
) -> None:
    match, _ = await a_ready_match(here)
    one, partner = match.users
    gone = await asyncio.gather(
        here.openings.leave(match, one, left_event(match, one)),
        other.openings.leave(match, partner, left_event(match, partner)),
    )
    assert sorted(gone) == [False, True]
