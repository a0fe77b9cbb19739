"""Starting, restarting, giving up, retiring and stopping."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from actors.runtime import Address
from actors.system import System
from domain.errors import Stopping
from tests.actors.conftest import Spawn
from tests.actors.scribe import BatchScribe, Chore, Echo, Fail, Journal, Note, Scribe, ScribeMessage
from tests.actors.waiting import a_few_turns, eventually
from tests.fakes.neighbours import FakeMeter


async def fail(scribe: Address[ScribeMessage], journal: Journal) -> None:
    """Let the actor fail, and wait for what comes of it."""
    failing = scribe._resident
    scribe.tell(Fail(ValueError("boom")))
    await eventually(lambda: failing is not None and failing.task.done())


async def test_an_actor_that_fails_for_the_sixth_time_in_a_minute_brings_the_system_down(
    system: System, spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    scribe = spawn()
    for _ in range(5):
        await fail(scribe, journal)
        assert not system.crashed.done()
        assert await scribe.ask(Echo("back")) == "back"
    await fail(scribe, journal)
    with pytest.raises(ValueError, match="boom"):
        await system.crashed
    assert meter.counts["restarted", "Scribe"] == 5
    with pytest.raises(Stopping):
        await scribe.ask(Echo("given up"))


async def test_failures_spread_over_more_than_a_minute_are_survived(
    system: System, spawn: Spawn, journal: Journal, meter: FakeMeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("actors.system.time", SimpleNamespace(monotonic=lambda: now))
    scribe = spawn()
    for _ in range(20):
        await fail(scribe, journal)
        now += 12.1
    assert not system.crashed.done()
    assert meter.counts["restarted", "Scribe"] == 20


async def test_one_actors_failures_are_not_counted_against_another(
    system: System, spawn: Spawn, journal: Journal
) -> None:
    one, other = spawn(), spawn()
    for _ in range(4):
        await fail(one, journal)
        await fail(other, journal)
    assert not system.crashed.done()


async def test_a_failing_start_brings_the_system_down_instead_of_spinning(
    system: System, spawn: Spawn, journal: Journal
) -> None:
    journal.at_start += [ValueError("never starts")] * 100
    spawn()
    with pytest.raises(ValueError, match="never starts"):
        await system.crashed
    assert journal.lines.count("started") == 6


async def test_mail_that_nobody_will_read_any_more_is_refused(system: System, spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    for _ in range(5):
        await fail(scribe, journal)
    scribe.tell(Fail(ValueError("boom")))
    unread = scribe.ask(Echo("unread"))
    with pytest.raises(Stopping):
        await unread


async def test_a_crash_of_one_and_then_another_tells_the_first_reason(
    system: System, spawn: Spawn, journal: Journal
) -> None:
    for reason in ("first", "second"):
        journal.at_start += [ValueError(reason)] * 6
        spawn()
        await eventually(lambda: not journal.at_start)
    with pytest.raises(ValueError, match="first"):
        await system.crashed


async def test_actors_stop_in_reverse_each_after_its_mail_and_errands(system: System) -> None:
    journals = [Journal() for _ in range(3)]
    order: list[str] = []

    class Named(Scribe):
        def __init__(self, name: str, journal: Journal) -> None:
            super().__init__(journal)
            self.name = name

        async def stopped(self) -> None:
            order.append(self.name)

    addresses = [
        system.spawn(lambda name=name, journal=journal: Named(name, journal), mailbox_limit=10)  # type: ignore[misc]
        for name, journal in zip("abc", journals, strict=True)
    ]
    addresses[2].tell(Chore())
    stopping = asyncio.create_task(system.stop())
    await a_few_turns()
    assert order == []
    assert await addresses[0].ask(Echo("the first still serves the last")) is not None
    journals[2].gate.set()
    await stopping
    assert order == ["c", "b", "a"]


async def test_stopping_twice_is_stopping_once(system: System, spawn: Spawn, journal: Journal) -> None:
    spawn()
    await asyncio.gather(system.stop(), system.stop())
    await system.stop()
    assert journal.lines == ["started", "stopped"]


async def test_a_retired_actor_still_handles_its_mail_and_is_counted_no_more(
    system: System, spawn: Spawn, journal: Journal
) -> None:
    scribe = spawn()
    scribe.tell(Note("last letter"))
    system.retire(scribe)
    system.retire(scribe)
    assert list(system.depths()) == []
    await eventually(lambda: "stopped" in journal.lines)
    assert journal.lines == ["started", "last letter", "stopped"]


async def test_mailbox_depths_are_told_by_kind(system: System, spawn: Spawn, journal: Journal) -> None:
    one, other = spawn(), spawn(BatchScribe)
    for _ in range(3):
        one.tell(Note("unread"))
    other.tell(Note("unread"))
    assert sorted(system.depths()) == [("BatchScribe", 1), ("Scribe", 3)]
