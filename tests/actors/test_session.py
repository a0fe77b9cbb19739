"""Opening sessions, announcing them, and letting people out."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from actors.messages import LeaveSession, OpenSession
from domain import requeue
from domain.errors import MatchClosed, MatchNotFound, SessionNotFound, SessionUnavailable
from domain.match import Match, MatchState
from domain.session import Document, Session
from tests.actors.stage import BUDGET_SECONDS, Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, CAT, DAN, a_match, a_question, new_session_id
from tests.fakes.store import FakeStore


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt comes with the next turn of the loop."""
    monkeypatch.setattr("actors.session.RETRY_SECONDS", 0)


@pytest.fixture
async def match(stage: Stage) -> Match:
    """A match that both have confirmed, and nobody has begun to open."""
    match = await stage.match_of(ANN, BEN)
    await stage.store.matches.confirm([(match.id, user_id, new_session_id()) for user_id in match.users])
    return stage.match_now(match)


def found_events(stage: Stage) -> list[str]:
    return [row.value.routing_key for row in stage.store.tables.outbox if row.value.routing_key == "match.found"]


async def test_a_session_is_in_redis_before_the_match_is_ready(stage: Stage, match: Match, store: FakeStore) -> None:
    store.redis.away = True
    opening = stage.sessions.ask(OpenSession(match))
    await a_few_turns(200)
    assert stage.match_now(match).state is MatchState.CONFIRMED
    assert not found_events(stage)
    store.redis.away = False
    session = await opening
    assert store.sessions.sessions == {session.id: session}
    assert stage.match_now(match).state is MatchState.READY


async def test_asked_many_times_a_session_is_opened_once(stage: Stage, match: Match) -> None:
    promises = [stage.sessions.ask(OpenSession(match)) for _ in range(20)]
    sessions = [await promise for promise in promises]
    assert len(set(sessions)) == 1
    assert len(found_events(stage)) == 1


@pytest.mark.parametrize("failures", range(1, 8))
async def test_whatever_goes_away_for_a_moment_the_session_is_opened_once(
    stage: Stage, match: Match, store: FakeStore, failures: int
) -> None:
    stage.questions.switch.away_for = failures
    store.redis.away_for = failures
    store.postgres.away_for = failures
    session = await stage.sessions.ask(OpenSession(match))
    assert stage.match_now(match).session == session
    assert len(found_events(stage)) == 1


@pytest.mark.parametrize("lost", range(1, 6))
async def test_whatever_answer_is_lost_the_session_is_opened_once(
    stage: Stage, match: Match, store: FakeStore, lost: int
) -> None:
    store.postgres.answers_lost = lost
    store.redis.answers_lost = lost
    session = await stage.sessions.ask(OpenSession(match))
    assert session.id == match.session_id
    assert len(found_events(stage)) == 1
    assert len(store.sessions.sessions) == 1


async def test_the_question_that_was_kept_before_is_not_asked_for_again(stage: Stage, match: Match) -> None:
    stage.store.redis.away = True
    opening = stage.sessions.ask(OpenSession(match))
    await eventually(lambda: stage.match_now(match).question is not None)
    kept = stage.match_now(match).question
    stage.store.redis.away = False
    assert (await opening).question == kept
    asked = len(stage.questions.asked)
    again = await stage.sessions.ask(OpenSession(stage.match_now(match)))
    assert again.question == kept
    assert len(stage.questions.asked) == asked


async def test_a_match_that_was_paired_with_a_question_is_opened_about_it(stage: Stage) -> None:
    fresh = stage.questions.fresh = a_question(7)
    session = await stage.session_of(CAT, DAN)
    assert session.question == fresh
    assert not stage.questions.asked


async def test_what_is_typed_already_stays_when_a_session_is_opened_again(stage: Stage, match: Match) -> None:
    session = await stage.sessions.ask(OpenSession(match))
    stage.store.sessions.typed[session.id] = Document("typed")
    await stage.sessions.ask(OpenSession(match))
    assert stage.store.sessions.typed[session.id] == Document("typed")


async def test_a_slow_question_keeps_no_other_session_waiting(stage: Stage, match: Match) -> None:
    stage.questions.gate = asyncio.Event()
    slow = stage.sessions.ask(OpenSession(match))
    await a_few_turns()
    gate, stage.questions.gate = stage.questions.gate, None
    assert isinstance(await stage.session_of(CAT, DAN), Session)
    gate.set()
    assert isinstance(await slow, Session)


async def test_the_question_service_away_for_longer_than_the_budget_ends_the_attempt(
    stage: Stage, match: Match
) -> None:
    stage.questions.switch.away = True
    stage.store.clock.advance(BUDGET_SECONDS + 1)
    with pytest.raises(SessionUnavailable):
        await stage.sessions.ask(OpenSession(stage.match_now(match)))
    assert len(stage.questions.asked) == 1, "tried once at least, however late"


async def test_a_mistake_of_ours_is_logged_and_does_not_keep_the_two_longer_than_the_budget(
    stage: Stage, match: Match, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mistaken(*_: object) -> None:
        raise KeyError("title")

    monkeypatch.setattr(stage.questions, "pick", mistaken)
    stage.store.clock.advance(BUDGET_SECONDS + 1)
    with capture_logs() as logs, pytest.raises(SessionUnavailable):
        await stage.sessions.ask(OpenSession(stage.match_now(match)))
    [line] = [line for line in logs if line["action"] == "session_retry"]
    assert isinstance(line["exc_info"], KeyError)


async def test_however_late_a_session_that_can_be_opened_is_opened(stage: Stage, match: Match) -> None:
    stage.store.clock.advance(10 * BUDGET_SECONDS)
    session = await stage.sessions.ask(OpenSession(stage.match_now(match)))
    assert session.id == match.session_id


async def test_a_match_that_failed_elsewhere_says_so(stage: Stage, match: Match) -> None:
    await stage.store.matches.end(requeue.fail(match))
    with pytest.raises(MatchClosed):
        await stage.sessions.ask(OpenSession(match))
    assert not found_events(stage)
    with pytest.raises(MatchNotFound):
        await stage.sessions.ask(OpenSession(a_match(MatchState.CONFIRMED)))


async def test_a_match_that_fails_while_its_session_is_made_gets_none(stage: Stage, match: Match) -> None:
    stage.store.redis.away = True
    opening = stage.sessions.ask(OpenSession(match))
    await eventually(lambda: stage.match_now(match).question is not None)
    await stage.store.matches.end(requeue.fail(stage.match_now(match)))
    stage.store.redis.away = False
    with pytest.raises(MatchClosed):
        await opening
    assert not found_events(stage)


async def test_two_who_leave_at_once_both_leave_and_the_events_tell_who_stays(stage: Stage) -> None:
    session = await stage.session_of(ANN, BEN)
    asked = [stage.sessions.ask(LeaveSession(session.id, user_id)) for user_id in (ANN, BEN)]
    assert [await promise for promise in asked] == [True, True]
    left = [row.value.body for row in stage.store.tables.outbox if row.value.routing_key == "session.left"]
    assert sum(b'"remaining":[]' in body for body in left) == 1
    assert len(left) == 2
    told = stage.notifier.kinds_to(ANN) + stage.notifier.kinds_to(BEN)
    assert told.count("PartnerLeft") == 1


async def test_leaving_many_times_at_once_is_leaving_once(stage: Stage) -> None:
    session = await stage.session_of(ANN, BEN)
    asked = [stage.sessions.ask(LeaveSession(session.id, ANN)) for _ in range(10)]
    assert sorted([await promise for promise in asked]) == [False] * 9 + [True]
    assert stage.notifier.kinds_to(BEN).count("PartnerLeft") == 1


async def test_an_unknown_or_foreign_session_cannot_be_left(stage: Stage, match: Match) -> None:
    assert match.session_id is not None
    for session_id, user_id in ((new_session_id(), ANN), (match.session_id, ANN), (match.session_id, CAT)):
        with pytest.raises(SessionNotFound):
            await stage.sessions.ask(LeaveSession(session_id, user_id))
