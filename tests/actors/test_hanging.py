"""What becomes of an actor, its mail and its askers when handling a message never returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from actors.runtime import Address
from actors.system import System
from actors.watch import HangWatch
from domain.errors import NoAnswer
from tests.actors.scribe import BatchScribe, Echo, Journal, Note, Scribe, ScribeMessage, Slow
from tests.actors.waiting import a_few_turns, eventually
from tests.fakes.neighbours import FakeMeter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def system(meter: FakeMeter, clock: Clock) -> AsyncIterator[System]:
    system = System(meter=meter, watch=HangWatch(patience_seconds=9, clock=clock))
    yield system
    async with asyncio.timeout(5):
        await system.stop()


class Sleeper(Scribe):
    """Hangs at a Note that says ``hang``, and takes thirty waits for one that says ``slow``."""

    async def _handle(self, message: ScribeMessage) -> object:
        match message:
            case Note("hang") | Echo("hang"):
                await asyncio.get_running_loop().create_future()
            case Note("slow"):
                for _ in range(30):
                    await self.journal.gate.wait()
                    self.journal.gate.clear()
            case _:
                pass
        return await super()._handle(message)


class Stubborn(Scribe):
    """Does not let itself be cancelled the first time."""

    async def _handle(self, message: ScribeMessage) -> object:
        if message == Note("hang"):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.journal.lines.append("not now")
        return await super()._handle(message)


class LateStarter(Scribe):
    """Its first incarnation hangs before it reads anything."""

    async def started(self) -> None:
        await super().started()
        if self.journal.lines.count("started") == 1:
            await asyncio.get_running_loop().create_future()


def spawn(system: System, journal: Journal, kind: type[Scribe | BatchScribe] = Sleeper) -> Address[ScribeMessage]:
    return system.spawn(lambda: kind(journal), mailbox_limit=100)


async def pass_time(system: System, clock: Clock, seconds: float) -> None:
    """Let the watch look now and after *seconds*."""
    await a_few_turns()
    system.replace_hung()
    clock.now += seconds
    system.replace_hung()


async def test_an_actor_that_hangs_is_replaced_and_its_successor_reads_on(
    system: System, journal: Journal, meter: FakeMeter, clock: Clock
) -> None:
    scribe = spawn(system, journal)
    for text in ("first", "hang", "second"):
        scribe.tell(Note(text))
    answer = scribe.ask(Echo("third"))
    with capture_logs() as lines:
        await pass_time(system, clock, 9)
    assert await answer == "third"
    assert [line for line in journal.lines if line != "stopped"] == ["started", "first", "started", "second", "third"]
    assert meter.counts == {("hung", "Sleeper"): 1}
    [line] = [line for line in lines if line["action"] == "actor_hangs"]
    assert "Sleeper._handle" in line["where"][-1]


async def test_what_came_while_it_hung_is_read_too(system: System, journal: Journal, clock: Clock) -> None:
    scribe = spawn(system, journal)
    scribe.tell(Note("hang"))
    await a_few_turns()
    answer = scribe.ask(Echo("came later"))
    await pass_time(system, clock, 9)
    assert await answer == "came later"


async def test_whoever_asked_what_it_hangs_at_is_told_that_there_is_no_answer(
    system: System, journal: Journal, clock: Clock
) -> None:
    answer = spawn(system, journal).ask(Echo("hang"))
    await pass_time(system, clock, 9)
    with pytest.raises(NoAnswer):
        await answer


async def test_the_askers_of_a_batch_that_hangs_are_told_too(system: System, journal: Journal, clock: Clock) -> None:
    scribe = spawn(system, journal, BatchScribe)
    scribe.tell(Note("wait"))
    answer = scribe.ask(Slow("not answered in the batch"))
    await pass_time(system, clock, 9)
    with pytest.raises(NoAnswer):
        await answer
    assert await scribe.ask(Echo("next")) == "next"


async def test_nine_seconds_are_not_over_a_moment_before(
    system: System, journal: Journal, meter: FakeMeter, clock: Clock
) -> None:
    scribe = spawn(system, journal)
    scribe.tell(Note("wait"))
    await pass_time(system, clock, 8.9)
    journal.gate.set()
    assert await scribe.ask(Echo("here")) == "here"
    assert not meter.counts


async def test_work_that_is_only_long_is_left_alone(
    system: System, journal: Journal, meter: FakeMeter, clock: Clock
) -> None:
    scribe = spawn(system, journal)
    scribe.tell(Note("slow"))
    for _ in range(30):
        await pass_time(system, clock, 5)
        journal.gate.set()
    assert await scribe.ask(Echo("done")) == "done"
    assert not meter.counts


async def test_an_actor_without_mail_does_not_hang(
    system: System, journal: Journal, meter: FakeMeter, clock: Clock
) -> None:
    scribe = spawn(system, journal)
    await pass_time(system, clock, 1000)
    assert await scribe.ask(Echo("here")) == "here"
    assert not meter.counts


async def test_one_that_hangs_before_it_reads_anything_is_replaced(
    system: System, journal: Journal, meter: FakeMeter, clock: Clock
) -> None:
    scribe = spawn(system, journal, LateStarter)
    answer = scribe.ask(Echo("at last"))
    await pass_time(system, clock, 9)
    assert await answer == "at last"
    assert meter.counts == {("hung", "LateStarter"): 1}


async def test_hanging_again_and_again_does_not_end_the_process(
    system: System, journal: Journal, meter: FakeMeter, clock: Clock
) -> None:
    scribe = spawn(system, journal)
    for _ in range(10):
        scribe.tell(Note("hang"))
    for _ in range(10):
        await pass_time(system, clock, 9)
    assert await scribe.ask(Echo("here")) == "here"
    assert not system.crashed.done()
    assert meter.counts == {("hung", "Sleeper"): 10}


async def test_one_that_will_not_be_cancelled_does_nothing_more_of_its_mail(
    system: System, journal: Journal, clock: Clock
) -> None:
    scribe = spawn(system, journal, Stubborn)
    for text in ("hang", "next"):
        scribe.tell(Note(text))
    await pass_time(system, clock, 9)
    assert await scribe.ask(Echo("here")) == "here"
    assert journal.lines.count("next") == 1
    assert "not now" in journal.lines


async def test_the_errands_of_one_that_hangs_are_still_answered(system: System, journal: Journal, clock: Clock) -> None:
    scribe = spawn(system, journal)
    slow = scribe.ask(Slow("answer"))
    scribe.tell(Note("hang"))
    await pass_time(system, clock, 9)
    journal.gate.set()
    assert await slow == "answer"


async def test_one_that_hangs_does_not_keep_the_process_from_stopping(
    system: System, journal: Journal, clock: Clock
) -> None:
    spawn(system, journal).tell(Note("hang"))
    await a_few_turns()
    stopping = asyncio.create_task(system.stop())
    await pass_time(system, clock, 9)
    await eventually(stopping.done)
    assert journal.lines.count("started") == 2
