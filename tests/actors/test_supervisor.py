"""Confirmations, refusals and deadlines: what the rows decide, and what is told again."""

from __future__ import annotations

import asyncio

import pytest

from actors.matchmaker import Preparing
from actors.messages import (
    Confirmed,
    ConfirmTimeElapsed,
    Decline,
    MarkTimeElapsed,
    Paired,
    Recall,
    Resume,
    SessionFailed,
)
from domain.errors import MatchClosed, SessionAlreadyOpened, StoreUnavailable
from domain.match import Match, MatchState
from domain.reasons import EndReason
from domain.session import Session
from tests.actors.stage import BUDGET_SECONDS, Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, new_match_id, new_session_id
from tests.fakes.store import CONFIRM_SECONDS, FakeStore


async def confirmed(stage: Stage) -> Match:
    """A match that both confirmed on another replica."""
    match = await stage.match_of(ANN, BEN)
    await stage.store.matches.confirm([(match.id, user_id, new_session_id()) for user_id in match.users])
    return stage.match_now(match)


async def test_a_deadline_that_comes_too_early_by_postgres_clock_is_minded_again(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    await a_few_turns()
    assert stage.match_now(match).state is MatchState.PROPOSED
    stage.store.clock.advance(CONFIRM_SECONDS)
    await eventually(lambda: stage.match_now(match).state is MatchState.EXPIRED)


async def test_a_late_deadline_of_an_unknown_or_ended_match_does_nothing(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    await stage.matchmaker.decline(ANN, match.id)
    told = list(stage.notifier.told)
    stage.store.clock.advance(CONFIRM_SECONDS + 1)
    for match_id in (match.id, new_match_id()):
        stage.supervisor.tell(ConfirmTimeElapsed(match_id))
    await a_few_turns()
    assert stage.notifier.told == told


async def test_the_deadline_sent_many_times_at_once_ends_the_match_once(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    stage.store.clock.advance(CONFIRM_SECONDS + 1)
    for _ in range(50):
        stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    await eventually(lambda: stage.match_now(match).state is MatchState.EXPIRED)
    await a_few_turns(200)
    assert stage.notifier.kinds_to(ANN).count("MatchExpired") == 1
    assert stage.meter.counts["match", EndReason.CONFIRMATION_TIMEOUT] == 1


@pytest.mark.parametrize("number", range(20))
async def test_confirm_decline_and_deadline_at_once_end_in_one_truth(stage: Stage, number: int) -> None:
    match = await stage.match_of(ANN, BEN)
    if number % 2:
        stage.store.clock.advance(CONFIRM_SECONDS + 1)
    confirm = [asyncio.ensure_future(_confirm(stage, user_id, match)) for user_id in match.users[: number % 3]]
    stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    decline = stage.supervisor.ask(Decline(match.id, BEN))
    outcomes = await asyncio.gather(*confirm, _settled(decline), return_exceptions=True)
    await a_few_turns(200)
    now = stage.match_now(match)
    if now.state is MatchState.READY:
        assert isinstance(outcomes[-1], SessionAlreadyOpened)
    else:
        assert now.state in (MatchState.DECLINED, MatchState.EXPIRED)
        assert stage.notifier.kinds_to(ANN).count("MatchExpired") == 1
        assert not [one for one in outcomes[:-1] if isinstance(one, Session)]


async def _confirm(stage: Stage, user_id: str, match: Match) -> object:
    return await stage.matchmaker.confirm(next(one for one in match.users if one == user_id), match.id)


async def _settled(promise: object) -> object:
    return await promise  # type: ignore[misc]


async def test_paired_twice_is_told_twice_and_ends_once(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    stage.supervisor.tell(Paired(match))
    await eventually(lambda: stage.notifier.kinds_to(ANN) == ["MatchFound", "MatchFound"])
    await stage.matchmaker.decline(ANN, match.id)
    assert stage.notifier.kinds_to(BEN).count("MatchExpired") == 1


async def test_what_was_told_is_marked_in_one_go(stage: Stage, store: FakeStore) -> None:
    match = await stage.match_of(ANN, BEN)
    assert store.tables.matches[match.id].untold
    stage.supervisor.tell(MarkTimeElapsed())
    await eventually(lambda: not store.tables.matches[match.id].untold)
    calls = store.postgres.calls["mark_told"]
    stage.supervisor.tell(MarkTimeElapsed())
    await a_few_turns()
    assert store.postgres.calls["mark_told"] == calls, "nothing to mark, nothing to write"


async def test_the_last_marks_are_made_when_the_supervisor_stops(stage: Stage, store: FakeStore) -> None:
    match = await stage.match_of(ANN, BEN)
    await stage.system.stop()
    assert not store.tables.matches[match.id].untold


async def test_recall_tells_each_state_again_as_it_was_told(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    stage.supervisor.tell(Recall(stage.match_now(match)))
    await eventually(lambda: stage.notifier.kinds_to(ANN) == ["MatchFound"] * 2)
    first, again = stage.notifier.to(ANN)
    assert first == again
    await stage.matchmaker.decline(ANN, match.id)
    for _ in range(2):
        stage.supervisor.tell(Recall(stage.match_now(match)))
    await eventually(lambda: stage.notifier.kinds_to(BEN).count("MatchExpired") == 3)
    assert len(set(stage.notifier.to(BEN)[-3:])) == 1


async def test_recall_of_an_open_session_sends_both_in_again(stage: Stage) -> None:
    session = await stage.session_of(ANN, BEN)
    match = stage.store.tables.read(session.match_id)
    assert match is not None
    stage.supervisor.tell(Recall(match))
    await eventually(lambda: stage.notifier.kinds_to(ANN).count("MatchReady") == 2)
    assert stage.meter.counts["match", MatchState.READY] == 1


async def test_recall_of_a_confirmed_match_says_nothing(stage: Stage) -> None:
    match = await confirmed(stage)
    told = list(stage.notifier.told)
    stage.supervisor.tell(Recall(match))
    await a_few_turns()
    assert stage.notifier.told == told


async def test_a_match_confirmed_elsewhere_is_resumed_to_its_session(stage: Stage) -> None:
    match = await confirmed(stage)
    for _ in range(3):
        stage.supervisor.tell(Resume(match))
    await eventually(lambda: "MatchReady" in stage.notifier.kinds_to(BEN))
    assert len(stage.questions.asked) == 1
    assert stage.match_now(match).state is MatchState.READY


async def test_a_yes_to_a_match_that_both_confirmed_elsewhere_opens_its_session(stage: Stage) -> None:
    match = await confirmed(stage)
    answer = await stage.matchmaker.confirm(ANN, match.id)
    assert isinstance(answer, Session)
    assert answer.id == match.session_id


async def test_while_the_question_service_is_slow_the_answer_is_that_it_is_being_prepared(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.matchmaker, "_session_answer_seconds", 0.01)
    stage.questions.gate = asyncio.Event()
    match = await stage.match_of(ANN, BEN)
    assert await stage.matchmaker.confirm(ANN, match.id) == Confirmed(match.id)
    assert await stage.matchmaker.confirm(BEN, match.id) == Preparing(match.id)
    assert await stage.matchmaker.confirm(ANN, match.id) == Preparing(match.id)
    stage.questions.gate.set()
    await eventually(lambda: "MatchReady" in stage.notifier.kinds_to(ANN))
    assert len(stage.questions.asked) == 1
    assert isinstance(await stage.matchmaker.confirm(ANN, match.id), Session)


async def test_without_a_question_in_time_the_match_fails_and_both_wait_again(stage: Stage) -> None:
    requests = await stage.find(ANN, BEN)
    match = await stage.told_match(ANN)
    await stage.store.matches.confirm([(match.id, user_id, new_session_id()) for user_id in match.users])
    stage.store.clock.advance(BUDGET_SECONDS + 1)
    stage.questions.switch.away = True
    stage.supervisor.tell(Resume(stage.match_now(match)))
    await eventually(lambda: stage.match_now(match).state is MatchState.FAILED)
    await eventually(lambda: "MatchExpired" in stage.notifier.kinds_to(BEN))
    for request in requests:
        [expired] = [news for news in stage.notifier.to(request.user_id) if type(news).__name__ == "MatchExpired"]
        assert expired.reason is EndReason.SESSION_UNAVAILABLE  # type: ignore[union-attr]
        assert expired.requeued  # type: ignore[union-attr]
    assert not stage.store.tables.outbox
    await eventually(lambda: stage.meter.counts["matched"] == 2, seconds=5)
    with pytest.raises(MatchClosed):
        await stage.matchmaker.confirm(ANN, match.id)


async def test_a_session_that_failed_here_but_not_for_good_is_left_to_another_attempt(stage: Stage) -> None:
    match = await confirmed(stage)
    stage.supervisor.tell(SessionFailed(match.id, for_good=False))
    await a_few_turns()
    assert stage.match_now(match).state is MatchState.CONFIRMED


async def test_a_failure_reported_for_a_match_that_is_ready_elsewhere_changes_nothing(stage: Stage) -> None:
    session = await stage.session_of(ANN, BEN)
    stage.supervisor.tell(SessionFailed(session.match_id, for_good=True))
    await a_few_turns()
    assert stage.store.tables.matches[session.match_id].value.state is MatchState.READY


async def test_while_postgres_is_away_everybody_is_told_to_try_again_and_nothing_breaks(
    stage: Stage, store: FakeStore
) -> None:
    match = await stage.match_of(ANN, BEN)
    store.postgres.away = True
    stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    stage.supervisor.tell(MarkTimeElapsed())
    for attempt in (stage.matchmaker.confirm(ANN, match.id), stage.matchmaker.decline(ANN, match.id)):
        with pytest.raises(StoreUnavailable):
            await attempt
    store.postgres.away = False
    assert await stage.matchmaker.confirm(ANN, match.id) == Confirmed(match.id)
    assert isinstance(await stage.matchmaker.confirm(BEN, match.id), Session)
    assert not stage.meter.counts["restarted", "MatchSupervisor"]


async def test_a_yes_whose_answer_was_lost_is_answered_when_it_is_said_again(stage: Stage, store: FakeStore) -> None:
    match = await stage.match_of(ANN, BEN)
    for user_id in match.users:
        store.postgres.answers_lost = 1
        with pytest.raises(StoreUnavailable):
            await stage.matchmaker.confirm(user_id, match.id)
    assert isinstance(await stage.matchmaker.confirm(ANN, match.id), Session)


async def test_after_a_failure_a_new_supervisor_goes_on_with_the_next_message(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    stage.supervisor.tell(Recall("nonsense"))  # type: ignore[arg-type]
    await eventually(lambda: stage.meter.counts["restarted", "MatchSupervisor"] == 1)
    assert await stage.matchmaker.confirm(ANN, match.id) == Confirmed(match.id)
    stage.store.clock.advance(CONFIRM_SECONDS + 1)
    stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    await eventually(lambda: stage.match_now(match).state is MatchState.EXPIRED)
