"""The whole way of two users through all the actors."""

from __future__ import annotations

import asyncio
import json
from functools import partial

import pytest

from actors.messages import Confirmed, ConfirmTimeElapsed
from domain.errors import (
    LiveRequestExists,
    MatchClosed,
    MatchNotFound,
    RequestTimedOut,
    SessionAlreadyOpened,
    SessionNotFound,
)
from domain.match import MatchState
from domain.news import MatchExpired, MatchReady, PartnerConfirmed, PartnerLeft, RequestTimeout
from domain.reasons import EndReason
from domain.request import RequestStatus
from domain.session import Session
from tests.actors.stage import Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, BUCKET, CAT, DAN, OTHER_BUCKET, new_users
from tests.fakes.store import CONFIRM_SECONDS


async def test_two_who_ask_for_the_same_are_told_of_each_other(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    assert match.users == (ANN, BEN)
    assert stage.notifier.kinds_to(ANN) == stage.notifier.kinds_to(BEN) == ["MatchFound"]
    assert stage.meter.counts["matched"] == 1


async def test_two_who_ask_for_different_things_wait(stage: Stage) -> None:
    await stage.find(ANN)
    await stage.find(BEN, bucket=OTHER_BUCKET)
    await a_few_turns()
    assert not stage.notifier.told


async def test_both_confirm_and_the_session_is_opened_announced_and_published(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    assert await stage.matchmaker.confirm(BEN, match.id) == Confirmed(match.id)
    assert stage.notifier.to(ANN)[-1] == PartnerConfirmed(match_id=match.id)
    session = await stage.matchmaker.confirm(ANN, match.id)
    assert isinstance(session, Session)
    assert session.users == (ANN, BEN)
    assert session.id in stage.store.sessions.sessions
    await eventually(lambda: len(stage.publisher.arrived) == 1)
    [event] = stage.publisher.arrived
    assert json.loads(event.body)["session_id"] == session.id
    for user_id in (ANN, BEN):
        await eventually(partial(lambda user: stage.notifier.to(user)[-1] == MatchReady.to(user, session), user_id))
    assert stage.meter.counts["match", MatchState.READY] == stage.meter.counts["session_opened"] == 1


async def test_confirming_is_repeatable_before_and_after_the_session_is_open(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    for _ in range(2):
        assert await stage.matchmaker.confirm(ANN, match.id) == Confirmed(match.id)
    answers = [await stage.matchmaker.confirm(user_id, match.id) for user_id in (BEN, BEN, ANN)]
    assert len({answer.id for answer in answers if isinstance(answer, Session)}) == 1
    assert stage.notifier.kinds_to(BEN).count("PartnerConfirmed") == 1
    assert len(stage.questions.asked) == 1


async def test_both_confirming_at_once_from_several_tabs_open_one_session(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    answers = await asyncio.gather(*(stage.matchmaker.confirm(user, match.id) for user in (ANN, BEN, ANN, BEN)))
    assert len({answer.id for answer in answers if isinstance(answer, Session)}) == 1
    assert [type(answer) for answer in answers] == [Confirmed, Session, Session, Session]
    await eventually(lambda: stage.publisher.arrived)
    await a_few_turns()
    assert len(stage.publisher.arrived) == 1
    assert stage.meter.counts["confirmed"] == 1


async def test_a_refusal_cancels_whoever_refused_and_sends_the_partner_back_to_the_old_place(stage: Stage) -> None:
    ann, _ben = await stage.find(ANN, BEN)
    match = await stage.told_match(ANN)
    stage.store.clock.advance(30)
    await stage.find(CAT, bucket=OTHER_BUCKET)
    ending = await stage.matchmaker.decline(BEN, match.id)
    assert ending.reason is EndReason.DECLINED
    assert [news.requeued for news in last_news(stage, ANN, BEN)] == [True, False]
    await eventually(lambda: stage.store.queue.slices[BUCKET] == {ANN: ann.created_at.timestamp()})
    assert (await stage.store.requests.waiting(BUCKET, 10))[0].since == ann.created_at.timestamp()
    await stage.find(DAN)
    assert (await stage.told_match(DAN)).users == (ANN, DAN)


async def test_two_who_failed_together_do_not_meet_again_while_others_wait(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    await stage.matchmaker.decline(BEN, match.id)
    await eventually(lambda: ANN in stage.store.queue.slices[BUCKET])
    await asyncio.gather(stage.find(BEN), stage.find(CAT))
    again = await stage.told_match(CAT)
    assert set(again.users) != {ANN, BEN}


async def test_refusing_twice_says_the_same_twice_and_tells_nobody_twice(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    for _ in range(2):
        assert (await stage.matchmaker.decline(ANN, match.id)).declined_by == ANN
    assert stage.notifier.kinds_to(BEN).count("MatchExpired") == 1
    with pytest.raises(MatchClosed):
        await stage.matchmaker.decline(BEN, match.id)
    with pytest.raises(MatchClosed):
        await stage.matchmaker.confirm(BEN, match.id)


@pytest.mark.parametrize("confirmed", [(), (ANN,), (BEN,)])
async def test_when_the_time_to_confirm_is_up_only_who_confirmed_waits_again(
    stage: Stage, confirmed: tuple[str, ...]
) -> None:
    requests = await stage.find(ANN, BEN)
    match = await stage.told_match(ANN)
    for user_id in match.users:
        if user_id in confirmed:
            await stage.matchmaker.confirm(user_id, match.id)
    stage.store.clock.advance(CONFIRM_SECONDS + 1)
    stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    await eventually(lambda: stage.match_now(match).state is MatchState.EXPIRED)
    for request in requests:
        waits_again = request.user_id in confirmed
        assert stage.status_of(request) is (RequestStatus.PENDING if waits_again else RequestStatus.TIMED_OUT)
    await eventually(lambda: stage.notifier.kinds_to(BEN)[-1] == "MatchExpired")
    assert [news.requeued for news in last_news(stage, ANN, BEN)] == [user_id in confirmed for user_id in (ANN, BEN)]
    with pytest.raises(MatchClosed):
        await stage.matchmaker.confirm(ANN, match.id)


async def test_when_nobody_comes_the_search_ends_and_the_user_is_told(stage: Stage) -> None:
    [request] = await stage.find(ANN)
    stage.search_time_elapses(request)
    await eventually(lambda: stage.notifier.to(ANN) == [RequestTimeout(request_id=request.id)])
    assert stage.status_of(request) is RequestStatus.TIMED_OUT
    await eventually(lambda: not stage.store.queue.slices[BUCKET])
    with pytest.raises(RequestTimedOut):
        await stage.matchmaker.cancel(ANN, request.id)


async def test_a_cancelled_request_is_out_of_the_queue_and_cancelling_again_is_fine(stage: Stage) -> None:
    [request] = await stage.find(ANN)
    for _ in range(2):
        await stage.matchmaker.cancel(ANN, request.id)
    assert stage.status_of(request) is RequestStatus.CANCELLED
    await stage.find(BEN)
    await a_few_turns()
    assert not stage.notifier.told
    assert stage.meter.counts["request", "cancelled"] == 1


async def test_cancelling_a_matched_request_declines_the_match(stage: Stage) -> None:
    ann, ben = await stage.find(ANN, BEN)
    match = await stage.told_match(ANN)
    await stage.matchmaker.confirm(BEN, match.id)
    await stage.matchmaker.cancel(ANN, ann.id)
    assert (stage.status_of(ann), stage.status_of(ben)) == (RequestStatus.CANCELLED, RequestStatus.PENDING)
    await stage.matchmaker.cancel(ANN, ann.id)


async def test_cancelling_while_a_match_is_made_ends_in_a_cancelled_request_or_in_none(stage: Stage) -> None:
    """Whichever comes first: after a cancellation there is no match with this request."""
    for _ in range(100):
        one, other = new_users(2)
        [request] = await stage.find(one)
        await asyncio.gather(stage.find(other), stage.matchmaker.cancel(one, request.id))
        assert stage.status_of(request) is RequestStatus.CANCELLED
        live = stage.store.tables.live(other)
        assert live is not None
        await stage.matchmaker.cancel(other, live.value.id)


async def test_after_the_session_is_open_it_is_too_late_to_cancel_or_decline(stage: Stage) -> None:
    ann, _ = await stage.find(ANN, BEN)
    match = await stage.told_match(ANN)
    answers = await asyncio.gather(*(stage.matchmaker.confirm(user_id, match.id) for user_id in match.users))
    for attempt in (stage.matchmaker.cancel(ANN, ann.id), stage.matchmaker.decline(BEN, match.id)):
        with pytest.raises(SessionAlreadyOpened) as raised:
            await attempt
        assert raised.value.session_id == answers[1].id  # type: ignore[union-attr]


async def test_who_leaves_is_out_and_the_partner_hears_it_once(stage: Stage) -> None:
    session = await stage.session_of(ANN, BEN)
    assert await stage.matchmaker.leave(ANN, session.id)
    assert not await stage.matchmaker.leave(ANN, session.id)
    assert stage.notifier.to(BEN)[-1] == PartnerLeft(session_id=session.id, user_id=ANN)
    assert stage.notifier.kinds_to(BEN).count("PartnerLeft") == 1
    assert await stage.matchmaker.leave(BEN, session.id)
    assert "PartnerLeft" not in stage.notifier.kinds_to(ANN)
    await eventually(lambda: len(stage.publisher.arrived) == 3)
    assert [event.routing_key for event in stage.publisher.arrived] == ["match.found", "session.left", "session.left"]


async def test_strangers_can_do_nothing(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    for attempt in (stage.matchmaker.confirm(CAT, match.id), stage.matchmaker.decline(CAT, match.id)):
        with pytest.raises(MatchNotFound):
            await attempt
    session = await stage.session_of(CAT, DAN)
    with pytest.raises(SessionNotFound):
        await stage.matchmaker.leave(ANN, session.id)


async def test_a_user_with_an_open_session_may_search_again_and_not_twice(stage: Stage) -> None:
    await stage.session_of(ANN, BEN)
    [request] = await stage.find(ANN)
    with pytest.raises(LiveRequestExists) as raised:
        await stage.find(ANN, bucket=OTHER_BUCKET)
    assert raised.value.request_id == request.id


async def test_a_snapshot_tells_whoever_reconnects_where_they_stand(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    snapshot = await stage.store.reads.snapshot(ANN)
    assert snapshot.match == match
    session = await stage.session_of(CAT, DAN)
    assert (await stage.store.reads.snapshot(CAT)).session == session


def last_news(stage: Stage, *users: str) -> list[MatchExpired]:
    found = [stage.notifier.to(user_id)[-1] for user_id in (ANN, BEN) if user_id in users]
    return [news for news in found if isinstance(news, MatchExpired)]
