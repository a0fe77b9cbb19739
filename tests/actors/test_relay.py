"""What PostgreSQL promised to publish, published: at least once, in order, without hammering."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from actors.messages import EventsWaiting, PollTimeElapsed, RelayMessage
from actors.relay import OutboxRelay
from actors.runtime import Address
from actors.system import System
from domain.events import Outgoing
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import new_event_id
from tests.fakes.neighbours import FakeMeter, FakePublisher
from tests.fakes.store import FakeStore


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
async def relay(system: System, store: FakeStore, publisher: FakePublisher, meter: FakeMeter) -> Address[RelayMessage]:
    relay = system.spawn(
        lambda: OutboxRelay(outbox=store.outbox, publisher=publisher, meter=meter, poll_seconds=60), mailbox_limit=10
    )
    await a_few_turns()
    return relay


def promise(store: FakeStore, number: int = 1) -> list[Outgoing]:
    events = [Outgoing(new_event_id(), "match.found", b"{}") for _ in range(number)]
    for event in events:
        store.tables.promise(event)
    return events


def unpublished(store: FakeStore) -> int:
    return sum(row.published_at is None for row in store.tables.outbox)


async def test_what_a_predecessor_left_is_published_at_the_start(
    system: System, store: FakeStore, publisher: FakePublisher, meter: FakeMeter
) -> None:
    events = promise(store, 3)
    system.spawn(
        lambda: OutboxRelay(outbox=store.outbox, publisher=publisher, meter=meter, poll_seconds=60), mailbox_limit=10
    )
    await eventually(lambda: meter.counts["published"] == 3)
    assert publisher.arrived == events


async def test_more_than_one_round_holds_is_published_round_after_round_in_order(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    events = promise(store, 1234)
    relay.tell(EventsWaiting())
    await eventually(lambda: unpublished(store) == 0)
    assert publisher.arrived == events


async def test_events_that_come_during_a_round_are_published_in_the_next(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    publisher.gate = asyncio.Event()
    promise(store)
    relay.tell(EventsWaiting())
    await eventually(lambda: store.postgres.calls["claim"] == 2)
    promise(store)
    for _ in range(5):
        relay.tell(EventsWaiting())
    await a_few_turns()
    publisher.gate.set()
    await eventually(lambda: len(publisher.arrived) == 2)


async def test_polling_finds_what_another_replica_left(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    promise(store)
    relay.tell(PollTimeElapsed())
    await eventually(lambda: len(publisher.arrived) == 1)


async def test_a_broker_that_is_away_is_not_hammered_and_nothing_is_claimed_for_it(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    publisher.switch.away = True
    promise(store)
    relay.tell(EventsWaiting())
    await eventually(lambda: publisher.reached == 2)
    claims = store.postgres.calls["claim"]
    for _ in range(100):
        relay.tell(EventsWaiting())
    await a_few_turns(200)
    assert publisher.reached == 2
    assert store.postgres.calls["claim"] == claims
    publisher.switch.away = False
    relay.tell(PollTimeElapsed())
    await eventually(lambda: len(publisher.arrived) == 1)


async def test_a_broker_that_goes_away_in_the_middle_gets_the_same_events_again(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    [event] = promise(store)
    publisher.sending.answers_lost = 1
    relay.tell(EventsWaiting())
    await eventually(lambda: publisher.arrived == [event])
    await a_few_turns()
    assert unpublished(store) == 1
    relay.tell(PollTimeElapsed())
    await eventually(lambda: unpublished(store) == 0)
    assert publisher.arrived == [event, event], "at least once, with the same id"


async def test_what_a_broker_that_went_away_in_the_middle_never_saw_goes_first_when_it_is_back(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    events = promise(store, 5)
    publisher.goes_away_after = 2
    relay.tell(EventsWaiting())
    await eventually(lambda: publisher.arrived == events[:2])
    await a_few_turns()
    publisher.switch.away = False
    relay.tell(PollTimeElapsed())
    await eventually(lambda: publisher.arrived == events)


async def test_an_event_that_could_not_be_routed_stays_and_the_others_go(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    good, stuck = promise(store, 2)
    publisher.unroutable = {stuck.event_id}
    relay.tell(EventsWaiting())
    await eventually(lambda: unpublished(store) == 1)
    await a_few_turns(100)
    relay.tell(PollTimeElapsed())
    await a_few_turns(100)
    assert publisher.rounds == 1, "it is put off"
    publisher.unroutable.clear()
    store.clock.advance(2)
    relay.tell(PollTimeElapsed())
    await eventually(lambda: publisher.arrived == [good, stuck])
    await eventually(lambda: unpublished(store) == 0)


async def test_rounds_in_which_everything_came_back_do_not_follow_one_another_at_once(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    publisher.unroutable = {event.event_id for event in promise(store, 1200)}
    relay.tell(EventsWaiting())
    await eventually(lambda: publisher.rounds == 1)
    await a_few_turns(100)
    assert publisher.rounds == 1


async def test_a_lone_event_goes_out_at_once_and_those_that_follow_closely_go_together(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.relay.GATHER_SECONDS", 0.2)
    promise(store)
    relay.tell(EventsWaiting())
    await a_few_turns()
    assert len(publisher.arrived) == 1
    for _ in range(10):
        promise(store)
        relay.tell(EventsWaiting())
        await a_few_turns(2)
    await eventually(lambda: len(publisher.arrived) == 11)
    assert publisher.rounds == 2


async def test_a_round_that_failed_by_a_defect_says_so_and_the_next_is_tried(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    promise(store)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(publisher, "publish", None)
        relay.tell(EventsWaiting())
        await eventually(lambda: logs)
    assert [(line["action"], line["log_level"]) for line in logs] == [("errand_failed", "error")]
    store.clock.advance(31)
    relay.tell(PollTimeElapsed())
    await eventually(lambda: unpublished(store) == 0)


async def test_a_store_that_is_away_is_no_defect(relay: Address[RelayMessage], store: FakeStore) -> None:
    store.postgres.away = True
    with capture_logs() as logs:
        relay.tell(EventsWaiting())
        await a_few_turns()
    assert not [line for line in logs if line["log_level"] == "error"]


async def test_postgres_away_is_survived_and_the_mark_that_got_lost_is_made_up_for(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher, meter: FakeMeter
) -> None:
    [event] = promise(store)
    store.postgres.away = True
    relay.tell(EventsWaiting())
    await a_few_turns()
    store.postgres.away = False
    publisher.gate = asyncio.Event()
    relay.tell(PollTimeElapsed())
    await eventually(lambda: store.tables.outbox[0].claimed_until > store.clock.now)
    store.postgres.away = True
    publisher.gate.set()
    await eventually(lambda: publisher.arrived == [event])
    await a_few_turns()
    store.postgres.away = False
    store.clock.advance(31)
    relay.tell(PollTimeElapsed())
    await eventually(lambda: unpublished(store) == 0)
    assert publisher.arrived == [event, event]
    assert not meter.counts["restarted", "OutboxRelay"]


async def test_a_poll_while_a_round_runs_starts_no_second_one(
    relay: Address[RelayMessage], store: FakeStore, publisher: FakePublisher
) -> None:
    publisher.gate = asyncio.Event()
    promise(store)
    relay.tell(EventsWaiting())
    await eventually(lambda: store.postgres.calls["claim"] == 2)
    for _ in range(5):
        relay.tell(PollTimeElapsed())
    await a_few_turns()
    assert store.postgres.calls["claim"] == 2
    publisher.gate.set()
    await eventually(lambda: unpublished(store) == 0)
