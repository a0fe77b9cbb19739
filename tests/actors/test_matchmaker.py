"""The front door: bounded waits, and cancellations that follow what changes under them."""

from __future__ import annotations

import asyncio

import pytest

from actors.matchmaker import MOST_TURNS, Preparing
from actors.messages import Confirmed
from domain.errors import MatchNotFound, NoAnswer, RequestNotFound, RequestTimedOut, Stopping, StoreUnavailable
from domain.match import MatchState
from domain.request import MatchRequest, RequestStatus
from domain.session import Session
from tests.actors.stage import Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, BUCKET, CAT, new_request_id
from tests.fakes.store import CONFIRM_SECONDS, FakeStore


async def test_requests_of_others_and_unknown_ones_are_not_found(stage: Stage) -> None:
    [request] = await stage.find(ANN)
    for user_id, request_id in ((BEN, request.id), (ANN, new_request_id())):
        with pytest.raises(RequestNotFound):
            await stage.matchmaker.cancel(user_id, request_id)
    assert stage.status_of(request) is RequestStatus.PENDING


async def test_nobody_waits_for_an_actor_longer_than_configured(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = await stage.match_of(ANN, BEN)
    monkeypatch.setattr(stage.matchmaker, "_answer_seconds", 0.01)
    monkeypatch.setattr(stage.matchmaker, "_session_answer_seconds", 0.01)
    gate = asyncio.Event()

    async def stuck(*_: object) -> object:
        await gate.wait()
        raise StoreUnavailable("postgres")

    with monkeypatch.context() as patch:
        for port, name in ((store.requests, "add"), (store.matches, "confirm")):
            patch.setattr(port, name, stuck)
        for attempt in (stage.find(ANN), stage.matchmaker.confirm(ANN, match.id)):
            with pytest.raises(NoAnswer):
                await attempt
        gate.set()
        await a_few_turns()


async def test_a_cancellation_follows_the_request_into_a_match_and_out_again(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read pending is matched by the time it is to be withdrawn."""
    [ann] = await stage.find(ANN)
    get = store.requests.get
    looks = 0

    async def get_and_then_change(user_id: object, request_id: object) -> MatchRequest | None:
        nonlocal looks
        looks += 1
        request = await get(ann.user_id, ann.id)
        if looks == 1:
            await stage.find(BEN)
            await stage.told_match(ANN)
        return request

    monkeypatch.setattr(store.requests, "get", get_and_then_change)
    await stage.matchmaker.cancel(ANN, ann.id)
    assert looks == 2
    assert stage.status_of(ann) is RequestStatus.CANCELLED
    assert [row.value.state for row in store.tables.matches.values()] == [MatchState.DECLINED]


async def test_a_cancellation_that_never_catches_up_says_try_again(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ann] = await stage.find(ANN)
    looks = 0

    async def never_in_time(*_: object) -> MatchRequest:
        nonlocal looks
        looks += 1
        return ann

    async def withdraw_nothing(*_: object) -> set[object]:
        return set()

    monkeypatch.setattr(store.requests, "get", never_in_time)
    monkeypatch.setattr(store.requests, "withdraw", withdraw_nothing)
    with pytest.raises(NoAnswer):
        await stage.matchmaker.cancel(ANN, ann.id)
    assert looks == MOST_TURNS


async def test_a_process_that_stops_tells_everybody_so(stage: Stage) -> None:
    match = await stage.match_of(ANN, BEN)
    bucket = stage.buckets(BUCKET)
    await stage.system.stop()
    assert bucket.depth == 0
    for attempt in (stage.find(ANN), stage.matchmaker.confirm(ANN, match.id), stage.matchmaker.decline(BEN, match.id)):
        with pytest.raises(Stopping):
            await attempt


async def test_every_request_gets_an_id_of_its_own_that_tells_the_order(stage: Stage) -> None:
    requests = await stage.find(ANN, BEN)
    ids = [request.id for request in requests]
    assert ids == sorted(set(ids))


async def test_whoever_cancels_after_the_deadline_is_told_that_it_is_over_at_once(
    stage: Stage, store: FakeStore
) -> None:
    ann, _ = await stage.find(ANN, BEN)
    await stage.told_match(ANN)
    store.clock.advance(CONFIRM_SECONDS + 1)
    with pytest.raises(RequestTimedOut):
        await stage.matchmaker.cancel(ANN, ann.id)


async def test_a_yes_that_takes_too_long_is_answered_with_what_is_known(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    match = await stage.match_of(ANN, BEN)
    monkeypatch.setattr(stage.matchmaker, "_session_answer_seconds", 0)
    with pytest.raises(MatchNotFound):
        await stage.matchmaker.confirm(CAT, match.id)
    assert await stage.matchmaker.confirm(ANN, match.id) == Confirmed(match.id)
    gate = stage.questions.gate = asyncio.Event()
    assert await stage.matchmaker.confirm(BEN, match.id) == Preparing(match.id)
    gate.set()
    await eventually(lambda: stage.notifier.kinds_to(BEN)[-1] == "MatchReady")
    assert isinstance(await stage.matchmaker.confirm(BEN, match.id), Session)
