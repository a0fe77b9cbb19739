"""What a crashed process left behind is found, handed to the right mailbox, and dealt with once."""

from __future__ import annotations

import asyncio

import pytest

from actors.messages import MarkTimeElapsed, PairingTimeElapsed, Requeue, RetentionTimeElapsed, SweepTimeElapsed
from actors.runtime import Address
from domain.match import MatchState
from domain.news import MatchFound, RequestTimeout
from domain.request import Bucket, RequestStatus, Waiting
from tests.actors.stage import Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN, BUCKET, CAT, DAN, OTHER_BUCKET, a_pair, new_request_id, new_session_id, new_users
from tests.contracts.fake_world import replica_of
from tests.contracts.stories import a_confirmed_match, a_proposed_match, a_ready_match, enqueued
from tests.fakes.store import CONFIRM_SECONDS, RETENTION_DAYS, SEARCH_SECONDS, FakeStore


async def test_requests_that_the_index_lost_are_brought_back_and_paired(stage: Stage, store: FakeStore) -> None:
    await enqueued(replica_of(store), [ANN, BEN])  # inserted; the process crashed before the index
    store.clock.advance(2)
    stage.start_janitor()
    await stage.told_match(ANN)
    assert stage.meter.counts["left_behind", "missing_in_index"] == 2


async def test_after_a_flush_of_the_index_whoever_waits_is_in_it_again(stage: Stage, store: FakeStore) -> None:
    await stage.find(ANN)
    await stage.find(BEN, bucket=OTHER_BUCKET)
    janitor = stage.start_janitor()
    await eventually(lambda: ANN in store.queue.slices[BUCKET] and BEN in store.queue.slices[OTHER_BUCKET])
    store.queue.slices.clear()
    store.clock.advance(2)
    janitor.tell(SweepTimeElapsed())
    await eventually(lambda: ANN in store.queue.slices[BUCKET] and BEN in store.queue.slices[OTHER_BUCKET])


async def test_a_flushed_index_of_many_pages_is_filled_within_one_sweep(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.janitor.PAGE", 2)
    await enqueued(replica_of(store), new_users(9))
    store.clock.advance(2)
    stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    assert stage.meter.counts["left_behind", "missing_in_index"] == 9
    assert store.postgres.calls["pending"] == 5


async def test_a_sweep_looks_at_a_bounded_number_of_pages_and_the_next_goes_on(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.janitor.PAGE", 1)
    monkeypatch.setattr("actors.janitor.MOST_PAGES", 3)
    buckets = [Bucket(BUCKET.difficulty, f"Topic {number}") for number in range(9)]
    for bucket in buckets:
        await enqueued(replica_of(store), new_users(1), bucket)
    store.clock.advance(2)
    janitor = stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    assert store.postgres.calls["pending"] == 3
    janitor.tell(SweepTimeElapsed())
    await eventually(lambda: len(stage.meter.censuses) == 2)
    assert stage.meter.counts["left_behind", "missing_in_index"] == 6


async def test_while_nothing_is_missing_a_sweep_looks_at_one_page(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.janitor.PAGE", 1)
    for request in await enqueued(replica_of(store), [ANN, BEN]):
        store.queue.slices[BUCKET][request.user_id] = request.created_at.timestamp()
    store.clock.advance(2)
    stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    assert store.postgres.calls["pending"] == 1


async def test_an_index_that_is_away_is_asked_once_a_sweep(stage: Stage, store: FakeStore) -> None:
    for bucket in (BUCKET, OTHER_BUCKET):
        await enqueued(replica_of(store), new_users(1), bucket)
    store.clock.advance(2)
    store.redis.away = True
    stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    assert store.redis.calls["missing"] == 1


async def test_a_bucket_of_two_who_are_in_the_index_only_looks_again(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    tell = Address.tell

    def overheard(address: Address[object], message: object) -> None:
        told.append(message)
        tell(address, message)

    monkeypatch.setattr(Address, "tell", overheard)
    for request in await enqueued(replica_of(store), [ANN, BEN]):
        store.queue.slices[BUCKET][request.user_id] = request.created_at.timestamp()
    store.clock.advance(2)
    stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    assert PairingTimeElapsed() in told
    assert not any(isinstance(message, Requeue) for message in told), "which would put off the end of a search"


async def test_two_who_were_left_unpaired_in_the_index_are_paired(stage: Stage, store: FakeStore) -> None:
    for request in await enqueued(replica_of(store), [ANN, BEN]):
        store.queue.slices[BUCKET][request.user_id] = request.created_at.timestamp()
    store.clock.advance(2)
    stage.start_janitor()
    await stage.told_match(ANN)


async def test_while_the_index_is_away_two_who_wait_are_paired_all_the_same(stage: Stage, store: FakeStore) -> None:
    await enqueued(replica_of(store), [ANN, BEN])
    store.clock.advance(2)
    store.redis.away = True
    stage.start_janitor()
    await stage.told_match(ANN)


async def test_overdue_requests_are_timed_out_and_told_once(stage: Stage, store: FakeStore) -> None:
    [request] = await enqueued(replica_of(store), [ANN])
    store.clock.advance(SEARCH_SECONDS + 2)
    janitor = stage.start_janitor()
    for _ in range(3):
        janitor.tell(SweepTimeElapsed())
    await eventually(lambda: stage.notifier.to(ANN) == [RequestTimeout(request_id=request.id)])
    await a_few_turns()
    assert len(stage.notifier.told) == 1


async def test_overdue_matches_are_expired_and_told_once(stage: Stage, store: FakeStore) -> None:
    match = await a_proposed_match(replica_of(store))
    store.clock.advance(CONFIRM_SECONDS + 2)
    janitor = stage.start_janitor()
    for _ in range(3):
        janitor.tell(SweepTimeElapsed())
    await eventually(lambda: stage.match_now(match).state is MatchState.EXPIRED)
    await eventually(lambda: "MatchExpired" in stage.notifier.kinds_to(match.users[1]))
    await a_few_turns(200)
    assert stage.notifier.kinds_to(match.users[0]).count("MatchExpired") == 1


async def test_a_confirmed_match_without_a_session_gets_one(stage: Stage, store: FakeStore) -> None:
    match = await a_confirmed_match(replica_of(store))
    store.clock.advance(2)
    stage.start_janitor()
    await eventually(lambda: stage.match_now(match).state is MatchState.READY)
    await eventually(lambda: stage.notifier.kinds_to(match.users[0]) == ["MatchReady"])
    await eventually(lambda: len(stage.publisher.arrived) == 1)


async def test_a_match_that_nobody_was_told_of_is_told_and_not_again(stage: Stage, store: FakeStore) -> None:
    """The process crashed between the commit and the announcement."""
    match = await a_proposed_match(replica_of(store))
    store.clock.advance(3)
    janitor = stage.start_janitor()
    user_id = match.users[0]
    await eventually(lambda: stage.notifier.to(user_id) == [MatchFound.to(user_id, match)])
    stage.supervisor.tell(MarkTimeElapsed())
    await eventually(lambda: not store.tables.matches[match.id].untold)
    janitor.tell(SweepTimeElapsed())
    await a_few_turns(200)
    assert len(stage.notifier.to(user_id)) == 1


async def test_a_ready_match_that_nobody_was_told_of_is_told(stage: Stage, store: FakeStore) -> None:
    match, _ = await a_ready_match(replica_of(store))
    store.clock.advance(3)
    stage.start_janitor()
    await eventually(lambda: stage.notifier.kinds_to(match.users[1]) == ["MatchReady"])


async def test_a_user_whom_the_crash_left_in_a_match_with_nobody_minding_it_is_freed(
    stage: Stage, store: FakeStore
) -> None:
    here = replica_of(store)
    ann, ben = await enqueued(here, [ANN, BEN])
    [match] = (await here.proposals.propose(BUCKET, [a_pair(ANN, BEN)])).matches
    await here.matches.confirm([(match.id, ANN, new_session_id())])
    store.clock.advance(CONFIRM_SECONDS + 2)
    stage.start_janitor()
    await eventually(lambda: ANN in store.queue.slices[BUCKET])
    assert (stage.status_of(ann), stage.status_of(ben)) == (RequestStatus.PENDING, RequestStatus.TIMED_OUT)


async def test_a_sweep_that_fails_is_followed_by_the_next(stage: Stage, store: FakeStore) -> None:
    janitor = stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    store.postgres.away_for = 1
    janitor.tell(SweepTimeElapsed())
    await a_few_turns()
    janitor.tell(SweepTimeElapsed())
    await eventually(lambda: len(stage.meter.censuses) == 2)
    assert not stage.meter.counts["restarted", "Janitor"]


async def test_a_slow_index_keeps_no_sign_of_life_back(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, asked = asyncio.Event(), []

    async def missing(bucket: Bucket, _: object) -> list[Waiting]:
        asked.append(bucket)
        await gate.wait()
        return []

    monkeypatch.setattr(store.queue, "missing", missing)
    await enqueued(replica_of(store), [ANN, BEN])
    store.clock.advance(2)
    janitor = stage.start_janitor()
    for _ in range(3):
        await eventually(lambda: store.postgres.calls["beat"] > 0)
        store.postgres.calls["beat"] = 0
        janitor.tell(SweepTimeElapsed())
    await eventually(lambda: store.postgres.calls["beat"] > 0)
    assert len(asked) == 1
    gate.set()
    await eventually(lambda: stage.meter.censuses)


async def test_each_sweep_takes_the_census(stage: Stage) -> None:
    await stage.find(CAT)
    await stage.find(DAN, bucket=OTHER_BUCKET)
    stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    buckets, outbox = stage.meter.censuses[-1]
    assert {one.bucket: one.waiting for one in buckets} == {BUCKET: 1, OTHER_BUCKET: 1}
    assert outbox.waiting == 0


async def test_what_is_left_in_more_buckets_than_newcomers_may_open_is_served_all_the_same(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.requests.add(OTHER_BUCKET, [(new_request_id(), CAT)])
    await enqueued(replica_of(store), [ANN, BEN])
    store.clock.advance(2)
    monkeypatch.setattr(stage.buckets, "_most", 1)
    stage.start_janitor()
    await stage.told_match(ANN)
    assert len(stage.buckets) == 2


async def test_old_rows_are_forgotten(stage: Stage, store: FakeStore) -> None:
    [request] = await stage.find(ANN)
    await stage.matchmaker.cancel(ANN, request.id)
    store.clock.advance(RETENTION_DAYS * 86_400 + 1)
    stage.start_janitor().tell(RetentionTimeElapsed())
    await eventually(lambda: not store.tables.requests)


async def test_more_old_rows_than_go_at_once_are_forgotten_one_lot_after_the_other(
    stage: Stage, store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.recovery.MOST_DELETED", 1)
    monkeypatch.setattr("actors.janitor.BACKLOG_SECONDS", 0)
    for user_id in new_users(3):
        [request] = await stage.find(user_id)
        await stage.matchmaker.cancel(user_id, request.id)
    store.clock.advance(RETENTION_DAYS * 86_400 + 1)
    stage.start_janitor().tell(RetentionTimeElapsed())
    await eventually(lambda: store.postgres.calls["forget_old"] == 4)
    assert not store.tables.requests
