"""One bucket: who comes, who goes, and whose time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from actors.messages import PairingTimeElapsed, Requeue, SearchTimeElapsed, Withdraw
from actors.slice import CROWD
from domain.errors import LiveRequestExists, StoreUnavailable
from domain.ids import UserId
from domain.request import Bucket, RequestStatus, Waiting
from tests.actors.stage import Stage, ask_all
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, BUCKET, CAT, OTHER_BUCKET, a_request, new_request_id, new_users
from tests.fakes.store import SEARCH_SECONDS, FakeStore


async def test_forty_who_come_at_once_make_one_trip_to_each_store(stage: Stage) -> None:
    stage.buckets(BUCKET)
    await a_few_turns()
    stage.store.postgres.calls.clear()
    stage.store.redis.calls.clear()
    await asyncio.gather(*ask_all(stage, new_users(40)))
    await eventually(lambda: stage.meter.counts["matched"] == 20)
    await a_few_turns()
    assert stage.store.postgres.calls == {"add": 1, "propose": 1}
    assert stage.store.redis.calls == {"join": 1, "remove": 1}


async def test_a_whole_crowd_is_paired_oldest_first(stage: Stage) -> None:
    users = new_users(250)
    await asyncio.gather(*ask_all(stage, users))
    await eventually(lambda: stage.meter.counts["matched"] == 125)
    matches = {frozenset(row.value.users) for row in stage.store.tables.matches.values()}
    assert matches == {frozenset(pair) for pair in zip(users[::2], users[1::2], strict=True)}
    await eventually(lambda: not stage.store.queue.slices[BUCKET])


async def test_each_asker_of_a_batch_gets_an_answer_of_ones_own(stage: Stage) -> None:
    [ann] = await stage.find(ANN, bucket=OTHER_BUCKET)
    outcomes = await asyncio.gather(*ask_all(stage, [ANN, BEN, BEN]), return_exceptions=True)
    refused, admitted, again = outcomes
    assert isinstance(refused, LiveRequestExists)
    assert refused.request_id == ann.id
    assert [getattr(one, "already_queued", None) for one in (admitted, again)] == [False, True]


async def test_a_withdrawal_answers_whether_it_was_in_time(stage: Stage) -> None:
    [ann] = await stage.find(ANN)
    bucket = stage.buckets(BUCKET)
    assert await bucket.ask(Withdraw(ann)) is True
    [ben, cat] = await stage.find(BEN, CAT)
    await stage.told_match(BEN)
    assert [await bucket.ask(Withdraw(one)) for one in (ben, cat)] == [False, False]


async def test_a_search_that_was_renewed_is_not_ended_by_its_first_reminder(stage: Stage) -> None:
    [request] = await stage.find(ANN)
    stage.store.clock.advance(SEARCH_SECONDS - 1)
    await stage.find(ANN)
    stage.store.clock.advance(2)
    stage.buckets(BUCKET).tell(SearchTimeElapsed(request))
    await a_few_turns()
    assert stage.status_of(request) is RequestStatus.PENDING
    assert not stage.notifier.told
    assert stage.store.queue.slices[BUCKET].keys() == {ANN}


async def test_a_late_reminder_of_a_cancelled_or_matched_request_does_nothing(stage: Stage) -> None:
    ann, ben = await stage.find(ANN, BEN)
    await stage.told_match(ANN)
    [cat] = await stage.find(CAT)
    await stage.matchmaker.cancel(CAT, cat.id)
    told = list(stage.notifier.told)
    for request in (ann, ben, cat):
        stage.search_time_elapses(request)
    await a_few_turns()
    assert stage.notifier.told == told
    assert [stage.status_of(one) for one in (ann, ben, cat)] == ["matched", "matched", "cancelled"]


async def test_a_requeued_request_looks_for_a_partner_at_once(stage: Stage, store: FakeStore) -> None:
    [ann] = await stage.find(ANN)
    await eventually(lambda: ANN in store.queue.slices[BUCKET])
    store.queue.slices.clear()  # a crash between the insert and the index
    [ben] = await stage.find(BEN)
    await a_few_turns()
    assert not stage.notifier.told
    stage.buckets(BUCKET).tell(Requeue(ann))
    assert {request.id for request in (ann, ben)} == {
        seat.request_id for seat in (await stage.told_match(ANN)).participants
    }


async def test_ghosts_at_the_head_are_cleaned_away_and_starve_nobody(stage: Stage, store: FakeStore) -> None:
    """More of them than one look takes in."""
    store.queue.slices[BUCKET] |= {UserId(f"ghost-{number}"): float(number) for number in range(350)}
    await stage.find(ANN, BEN)
    await stage.told_match(ANN)
    await eventually(lambda: not store.queue.slices[BUCKET])


async def test_a_crowd_of_ghosts_is_banished_in_large_portions(stage: Stage, store: FakeStore) -> None:
    crowd = 3 * CROWD
    store.queue.slices[BUCKET] |= {UserId(f"ghost-{number}"): float(number) for number in range(crowd)}
    await stage.find(ANN, BEN)
    await stage.told_match(ANN)
    await eventually(lambda: not store.queue.slices[BUCKET])
    assert store.queue.looks < 10


async def test_a_stale_index_pairs_nobody_who_does_not_wait(stage: Stage, store: FakeStore) -> None:
    """Redis after a failover: it remembers who was matched, cancelled, or waits elsewhere."""
    ann, ben = await stage.find(ANN, BEN)
    match = await stage.told_match(ANN)
    [cat] = await stage.find(CAT, bucket=OTHER_BUCKET)
    store.queue.slices[BUCKET] |= {one.user_id: one.created_at.timestamp() for one in (ann, ben, cat)}
    [dan] = await stage.find(new_users(1)[0])
    await eventually(lambda: store.queue.slices[BUCKET].keys() == {dan.user_id})
    assert store.tables.matches.keys() == {match.id}


async def test_both_hear_of_each_other_before_the_index_is_cleaned(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever comes back meanwhile is not taken out after that."""
    may_clean, remove = asyncio.Event(), store.queue.remove

    async def slowly(bucket: Bucket, people: Sequence[Waiting], *, at_leisure: bool) -> None:
        await may_clean.wait()
        await remove(bucket, people, at_leisure=at_leisure)

    monkeypatch.setattr(store.queue, "remove", slowly)
    ann, _ = await stage.find(ANN, BEN)
    await stage.told_match(ANN)
    looks = store.queue.looks
    stage.buckets(BUCKET).tell(Requeue(ann))
    await a_few_turns()
    assert store.queue.looks == looks
    may_clean.set()
    await eventually(lambda: store.queue.slices[BUCKET].keys() == {ANN})


async def test_people_in_another_replicas_hands_are_looked_at_again(stage: Stage, store: FakeStore) -> None:
    store.tables.held.add(ANN)
    await stage.find(ANN, BEN)
    await a_few_turns()
    assert not stage.notifier.told
    assert store.queue.slices[BUCKET].keys() == {ANN, BEN}
    store.tables.held.clear()
    stage.buckets(BUCKET).tell(PairingTimeElapsed())
    await stage.told_match(ANN)


async def test_another_look_comes_by_itself(stage: Stage, store: FakeStore) -> None:
    store.tables.held.add(ANN)
    await stage.find(ANN, BEN)
    store.tables.held.clear()
    await stage.told_match(ANN)


async def test_while_the_index_is_away_pairs_are_made_from_postgres(stage: Stage, store: FakeStore) -> None:
    store.redis.away = True
    await asyncio.gather(*ask_all(stage, new_users(30)))
    await eventually(lambda: stage.meter.counts["matched"] == 15)


async def test_an_index_that_goes_away_in_the_middle_harms_nobody(stage: Stage, store: FakeStore) -> None:
    for failing in range(1, 6):
        store.redis.away_for = failing
        await asyncio.gather(*ask_all(stage, new_users(4)))
    await eventually(lambda: stage.meter.counts["matched"] == 10)


async def test_while_postgres_is_away_askers_are_told_to_try_again(stage: Stage, store: FakeStore) -> None:
    store.postgres.away = True
    with pytest.raises(StoreUnavailable):
        await stage.find(ANN)
    store.postgres.away = False
    await stage.find(ANN, BEN)
    await stage.told_match(ANN)
    assert not stage.meter.counts["restarted", "BucketActor"]


async def test_an_answer_lost_on_the_way_is_repeated_by_asking_again(stage: Stage, store: FakeStore) -> None:
    await stage.find(BEN, bucket=OTHER_BUCKET)
    stage.buckets(BUCKET)
    await a_few_turns()
    store.postgres.answers_lost = 1
    with pytest.raises(StoreUnavailable):
        await stage.find(ANN)
    again = await stage.matchmaker.find(ANN, BUCKET)
    assert again.already_queued
    assert len(store.tables.requests) == 2


async def test_a_new_bucket_actor_pairs_whom_a_predecessor_left_waiting(stage: Stage, store: FakeStore) -> None:
    for user_id in (ANN, BEN):
        await store.requests.add(BUCKET, [(new_request_id(), user_id)])
    for row in store.tables.requests.values():
        store.queue.slices[BUCKET][row.value.user_id] = row.value.created_at.timestamp()
    stage.buckets(BUCKET)
    await stage.told_match(ANN)


async def test_whoever_cancels_is_out_before_anybody_in_the_same_batch_is_paired(stage: Stage) -> None:
    [ann] = await stage.find(ANN)
    await asyncio.gather(
        stage.matchmaker.cancel(ANN, ann.id), stage.buckets(BUCKET).ask(Withdraw(ann)), stage.find(BEN)
    )
    assert stage.status_of(ann) is RequestStatus.CANCELLED
    assert not stage.notifier.kinds_to(BEN)


async def test_a_bucket_that_fails_is_replaced_and_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.buckets(BUCKET).tell(SearchTimeElapsed(a_request()))
    with monkeypatch.context() as patch:
        patch.setattr(stage.store.requests, "time_out", None)
        await eventually(lambda: stage.meter.counts["restarted", "BucketActor"] == 1)
    await stage.find(ANN, BEN)
    await stage.told_match(ANN)
