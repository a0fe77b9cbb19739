"""The lists that the Question Service client keeps: how long, for whom, and how many."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from domain.errors import NeighbourUnavailable
from domain.request import Bucket, Difficulty
from messaging import questions
from messaging.questions import QuestionService
from tests.messaging.answering import (
    BUCKET,
    LIST,
    TWO_COINS,
    fail,
    good,
    say_nothing,
)
from tests.messaging.stubs import Clock, Stub, until

pytestmark = pytest.mark.usefixtures("no_waiting_between_tries")


async def test_a_list_serves_for_a_minute(service: QuestionService, stub: Stub, clock: Clock) -> None:
    stub.says(LIST)

    await service.pick(BUCKET)
    clock.now += 59
    await service.pick(BUCKET)
    assert len(stub.asked) == 1

    clock.now += 2
    await service.pick(BUCKET)
    assert len(stub.asked) == 2


async def test_many_who_want_the_same_list_ask_once(service: QuestionService, stub: Stub) -> None:
    stub.says(LIST)

    await asyncio.gather(*(service.pick(BUCKET) for _ in range(50)))

    assert len(stub.asked) == 1


async def test_one_who_leaves_does_not_spoil_it_for_the_others(service: QuestionService, stub: Stub) -> None:
    go_on = asyncio.Event()

    async def hesitate(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return await good(request)

    stub.behaviour = hesitate
    leaver, other = (asyncio.create_task(service.pick(BUCKET)) for _ in range(2))
    await until(lambda: len(stub.asked) == 1)
    leaver.cancel()
    go_on.set()

    assert await other == TWO_COINS
    assert leaver.cancelled()


async def test_while_the_service_fails_a_stale_list_serves_for_ten_minutes(
    service: QuestionService, stub: Stub, clock: Clock
) -> None:
    stub.says(LIST)
    await service.pick(BUCKET)
    stub.behaviour = fail

    clock.now += 599
    assert await service.pick(BUCKET) == TWO_COINS

    clock.now += 2
    with pytest.raises(NeighbourUnavailable):
        await service.pick(BUCKET)


async def test_a_stale_list_does_not_wait_long_for_a_new_one(
    service: QuestionService, stub: Stub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "PATIENCE_SECONDS", 0.05)
    stub.says(LIST)
    await service.pick(BUCKET)
    stub.behaviour = say_nothing
    clock.now += 61

    async with asyncio.timeout(1):
        assert await service.pick(BUCKET) == TWO_COINS


async def test_after_a_failure_nothing_is_asked_for_a_second(
    service: QuestionService, stub: Stub, clock: Clock
) -> None:
    stub.behaviour = fail
    for _ in range(5):
        with pytest.raises(NeighbourUnavailable):
            await service.pick(BUCKET)
    assert len(stub.asked) == 3

    stub.says(LIST)
    clock.now += 1
    assert await service.pick(BUCKET) == TWO_COINS


async def test_an_empty_bucket_does_not_keep_others_from_asking(service: QuestionService, stub: Stub) -> None:
    with pytest.raises(NeighbourUnavailable, match="no question"):
        await service.pick(BUCKET)

    stub.says(LIST)
    assert await service.pick(Bucket(Difficulty.HARD, "Array")) == TWO_COINS


async def test_the_number_of_kept_lists_is_bounded(
    service: QuestionService, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST_LISTS", 3)
    stub.says(LIST)
    buckets = [Bucket(Difficulty.EASY, f"Topic {number}") for number in range(5)]

    for bucket in [*buckets, buckets[-1], buckets[0]]:
        await service.pick(bucket)

    assert len(stub.asked) == 6


async def test_closing_ends_what_is_being_asked(service: QuestionService, stub: Stub) -> None:
    stub.behaviour = say_nothing
    picking = asyncio.create_task(service.pick(BUCKET))
    await until(lambda: len(stub.asked) == 1)

    await service.close()

    with pytest.raises(asyncio.CancelledError):
        await picking


async def test_a_fresh_list_is_at_hand_and_nothing_else_is(stub: Stub, service: QuestionService, clock: Clock) -> None:
    stub.behaviour = good
    assert service.at_hand(BUCKET) is None
    assert stub.asked == []
    await service.pick(BUCKET)
    assert service.at_hand(BUCKET) == TWO_COINS
    clock.now += questions.FRESH_SECONDS
    assert service.at_hand(BUCKET) is None
    assert len(stub.asked) == 1
