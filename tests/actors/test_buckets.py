"""Room for buckets: who makes it, and who is kept."""

from __future__ import annotations

import asyncio

import pytest

from actors.messages import IdleTimeElapsed
from domain.errors import TooManyBuckets
from domain.request import Bucket, RequestStatus
from tests.actors.stage import Stage, ask_all
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, BUCKET, new_users


async def test_an_idle_bucket_makes_room_after_a_whole_idle_time(stage: Stage) -> None:
    bucket = stage.buckets(BUCKET)
    await a_few_turns()
    bucket.tell(IdleTimeElapsed())
    await a_few_turns()
    assert len(stage.buckets) == 1, "it was used since"
    bucket.tell(IdleTimeElapsed())
    await eventually(lambda: len(stage.buckets) == 0)
    await stage.find(ANN, BEN)
    assert stage.buckets(BUCKET) is not bucket
    await stage.told_match(ANN)


async def test_a_bucket_in_which_somebody_waits_does_not_retire(stage: Stage) -> None:
    [request] = await stage.find(ANN)
    for _ in range(3):
        stage.buckets(BUCKET).tell(IdleTimeElapsed())
        await a_few_turns()
    assert len(stage.buckets) == 1
    await stage.matchmaker.cancel(ANN, request.id)
    stage.buckets(BUCKET).tell(IdleTimeElapsed())
    await eventually(lambda: len(stage.buckets) == 0)


async def test_mail_that_arrives_while_a_bucket_would_retire_keeps_it(stage: Stage) -> None:
    bucket = stage.buckets(BUCKET)
    await a_few_turns()
    bucket.tell(IdleTimeElapsed())
    await a_few_turns()
    bucket.tell(IdleTimeElapsed())
    asked = [asyncio.create_task(stage.find(user_id)) for user_id in (ANN, BEN)]
    await asyncio.gather(*asked)
    await stage.told_match(ANN)


async def test_thousands_who_come_while_buckets_retire_are_all_served(stage: Stage) -> None:
    for _ in range(100):
        for _ in range(2):
            stage.buckets(BUCKET).tell(IdleTimeElapsed())
            await asyncio.sleep(0)
        await asyncio.gather(*ask_all(stage, new_users(20)))
    await eventually(lambda: stage.meter.counts["matched"] == 1000)


async def test_one_bucket_too_many_is_refused_and_the_others_serve_on(stage: Stage) -> None:
    for number in range(100):
        stage.buckets(Bucket(BUCKET.difficulty, f"Topic {number}"))
    with pytest.raises(TooManyBuckets):
        await stage.find(ANN)
    await stage.find(ANN, BEN, bucket=Bucket(BUCKET.difficulty, "Topic 7"))
    await stage.told_match(ANN)


async def test_whoever_comes_and_goes_in_many_buckets_keeps_nobody_out(stage: Stage) -> None:
    """A bucket that was left empty makes room at once, not when it has been idle for long."""
    for number in range(200):
        bucket = Bucket(BUCKET.difficulty, f"Topic {number}")
        [request] = await stage.find(ANN, bucket=bucket)
        await stage.matchmaker.cancel(ANN, request.id)
    assert len(stage.buckets) == 100
    await stage.find(ANN, BEN)
    await stage.told_match(ANN)


async def test_a_full_house_makes_no_room_where_somebody_waits(stage: Stage) -> None:
    waiting = [Bucket(BUCKET.difficulty, f"Topic {number}") for number in range(100)]
    users = new_users(100)
    await asyncio.gather(*(stage.find(user_id, bucket=bucket) for user_id, bucket in zip(users, waiting, strict=True)))
    with pytest.raises(TooManyBuckets):
        await stage.find(ANN)
    [elsewhere] = await Stage(stage.system, stage.meter, stage.store).find(ANN)
    await stage.matchmaker.cancel(ANN, elsewhere.id)
    assert stage.status_of(elsewhere) is RequestStatus.CANCELLED, "who is in already is served wherever they asked"
