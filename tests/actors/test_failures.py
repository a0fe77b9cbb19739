"""What becomes of an actor, its mail and its askers when handling a message fails."""

from __future__ import annotations

import asyncio

import pykka
import pytest

from actors.system import System
from domain.errors import Stopping, StoreUnavailable
from tests.actors.conftest import Spawn
from tests.actors.scribe import AskedToFail, BatchScribe, Chore, Echo, Fail, Journal, Note, Scribe, Slow
from tests.actors.waiting import a_few_turns, eventually
from tests.fakes.neighbours import FakeMeter


async def test_an_ask_that_fails_is_answered_with_the_failure_and_the_actor_lives_on(
    spawn: Spawn, journal: Journal
) -> None:
    scribe = spawn()
    with pytest.raises(ValueError, match="no"):
        await scribe.ask(AskedToFail(ValueError("no")))
    assert await scribe.ask(Echo("still here")) == "still here"
    assert journal.lines.count("started") == 1


async def test_a_told_failure_restarts_the_actor_and_unread_mail_is_inherited(
    spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    scribe = spawn()
    scribe.tell(Note("wait"))
    await eventually(lambda: scribe.depth == 0)
    scribe.tell(Fail(ValueError("boom")))
    scribe.tell(Note("unread"))
    answer = scribe.ask(Echo("asked"))
    journal.gate.set()
    assert await answer == "asked"
    assert [line for line in journal.lines if line != "stopped"] == ["started", "wait", "started", "unread", "asked"]
    assert meter.counts["restarted", "Scribe"] == 1


async def test_a_store_that_is_away_is_survived_without_a_restart(
    spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    scribe = spawn()
    scribe.tell(Fail(StoreUnavailable("postgres")))
    assert await scribe.ask(Echo("here")) == "here"
    assert journal.lines == ["started", "here"]
    assert not meter.counts


async def test_a_store_that_is_away_at_the_start_is_survived_too(spawn: Spawn, journal: Journal) -> None:
    journal.at_start.append(StoreUnavailable("postgres"))
    assert await spawn().ask(Echo("here")) == "here"
    assert journal.lines == ["started", "here"]


async def test_an_actor_that_fails_to_start_is_replaced_and_its_mail_kept(
    spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    journal.at_start += [ValueError("once"), ValueError("twice")]
    scribe = spawn()
    assert await scribe.ask(Echo("here")) == "here"
    assert journal.lines.count("started") == 3
    assert meter.counts["restarted", "Scribe"] == 2


async def test_a_batch_that_fails_refuses_its_asks_and_restarts_the_actor(
    spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    scribe = spawn(BatchScribe)
    answered, failing, unanswered = (
        scribe.ask(Echo("in time")),
        scribe.ask(AskedToFail(ValueError("boom"))),
        scribe.ask(Echo("too late")),
    )
    assert await answered == "in time"
    for promise in (failing, unanswered):
        with pytest.raises(ValueError, match="boom"):
            await promise
    assert await scribe.ask(Echo("next")) == "next"
    assert meter.counts["restarted", "BatchScribe"] == 1


async def test_mail_that_came_during_a_failing_batch_is_inherited(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn(BatchScribe)
    scribe.tell(Note("wait"))
    scribe.tell(Fail(ValueError("boom")))
    await eventually(lambda: journal.lines == ["2"])
    answers = [scribe.ask(Echo(str(number))) for number in range(3)]
    journal.gate.set()
    assert [await answer for answer in answers] == ["0", "1", "2"]


async def test_a_failed_chore_counts_as_a_told_failure_and_nothing_of_the_failed_one_stays(
    spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    scribe = spawn()
    failed = scribe._resident
    assert failed is not None
    scribe.tell(Chore(ValueError("boom")))
    journal.gate.set()
    await eventually(lambda: scribe._resident is not failed)
    assert await scribe.ask(Echo("successor")) == "successor"
    assert meter.counts["restarted", "Scribe"] == 1
    await eventually(failed.task.done)
    assert journal.lines.count("stopped") == 1


async def test_a_chore_survives_a_store_that_is_away(spawn: Spawn, journal: Journal, meter: FakeMeter) -> None:
    scribe = spawn()
    scribe.tell(Chore(StoreUnavailable("postgres")))
    journal.gate.set()
    await a_few_turns()
    assert await scribe.ask(Echo("here")) == "here"
    assert not meter.counts


async def test_the_asker_of_a_failed_actors_errand_still_gets_the_answer(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    slow = scribe.ask(Slow("answer"))
    scribe.tell(Fail(ValueError("boom")))
    await eventually(lambda: journal.lines.count("started") == 2)
    journal.gate.set()
    assert await slow == "answer"


async def test_an_actor_that_fails_while_it_is_being_stopped_leaves_no_successor_behind(
    system: System, spawn: Spawn, journal: Journal
) -> None:
    scribe = spawn()
    scribe.tell(Fail(ValueError("boom")))
    scribe.tell(Note("unread"))
    await system.stop()
    assert not pykka.ActorRegistry.get_all()
    assert journal.lines.count("started") == journal.lines.count("stopped") == 2
    assert "unread" in journal.lines


async def test_an_ask_behind_a_failure_behind_a_stop_is_refused_and_not_forgotten(spawn: Spawn) -> None:
    scribe = spawn()
    scribe.tell(Fail(ValueError("boom")))
    leaving = asyncio.create_task(scribe.vacate())
    await asyncio.sleep(0)
    late = scribe.ask(Echo("late"))
    await leaving
    async with asyncio.timeout(1):
        with pytest.raises(Stopping):
            await late


async def test_a_failure_in_the_very_last_step_does_not_bring_the_actor_back(
    spawn: Spawn, journal: Journal, meter: FakeMeter
) -> None:
    journal.at_stop = ValueError("boom")
    scribe = spawn()
    await scribe.vacate()
    await a_few_turns()
    assert journal.lines == ["started", "stopped"]
    assert not meter.counts


async def test_cancelling_one_actors_task_leaves_the_others_alone(system: System, spawn: Spawn) -> None:
    """Pykka stops all actors when one is hit by what is no Exception."""
    one, other = spawn(), spawn()
    await other.ask(Echo("ready"))
    assert isinstance(one._resident, Scribe)
    one._resident.task.cancel()
    await asyncio.wait([one._resident.task])
    assert await other.ask(Echo("still here")) == "still here"
    del system._addresses[one]  # there is nobody left to wait for
    pykka.ActorRegistry.unregister(one._resident.actor_ref)


async def test_a_cancellation_inside_a_handler_is_that_actors_alone(spawn: Spawn, journal: Journal) -> None:
    one, other = spawn(), spawn()
    promise = one.ask(Slow("cut off"))
    await a_few_turns()
    assert isinstance(one._resident, Scribe)
    for errand in one._resident._errands:
        errand.cancel()
    with pytest.raises(Stopping):
        await promise
    await eventually(lambda: "broken Stopping()" in journal.lines)
    assert [await scribe.ask(Echo("here")) for scribe in (one, other)] == ["here", "here"]
