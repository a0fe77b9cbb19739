"""Mailbox, promise, loop and address while all goes well."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from actors.runtime import Address, Promise
from actors.runtime._resident import MOST_MAIL_AT_ONCE
from domain.errors import MailboxFull, Stopping
from tests.actors.conftest import Spawn
from tests.actors.scribe import BatchScribe, Chore, Echo, Journal, Note, Scribe, ScribeMessage, Slow
from tests.actors.waiting import a_few_turns, eventually


async def test_mail_is_read_in_the_order_in_which_it_was_sent(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    for number in range(500):
        scribe.tell(Note(str(number)))
    assert await scribe.ask(Echo("last")) == "last"
    assert journal.lines == ["started", *map(str, range(500)), "last"]


async def test_an_actor_reads_nothing_before_it_has_started(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    scribe.tell(Note("first"))
    await eventually(lambda: "first" in journal.lines)
    assert journal.lines == ["started", "first"]


async def test_a_promise_is_awaited_by_any_number_of_askers_any_number_of_times(spawn: Spawn, journal: Journal) -> None:
    promise = spawn().ask(Slow("answer"))

    async def wait() -> str:
        return await promise

    askers = [asyncio.create_task(wait()) for _ in range(10)]
    await a_few_turns()
    journal.gate.set()
    assert await asyncio.gather(*askers) == ["answer"] * 10
    assert await promise == "answer"


async def test_an_asker_that_gives_up_does_not_spoil_the_answer_for_the_others(spawn: Spawn, journal: Journal) -> None:
    promise = spawn().ask(Slow("answer"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_await(promise), timeout=0.001)
    journal.gate.set()
    assert await promise == "answer"


async def _await(promise: Promise[str]) -> str:
    return await promise


async def test_an_asker_is_not_cancelled_because_the_work_was(spawn: Spawn) -> None:
    scribe = spawn()._resident
    assert isinstance(scribe, Scribe)
    promise: Promise[str] = scribe.errand(scribe._think("never"))  # its gate stays shut
    [errand] = scribe._errands
    errand.cancel()
    for wait in (_await(promise), promise.within(60)):
        with pytest.raises(Stopping):
            await wait


async def test_nobody_can_block_the_loop_with_a_promise() -> None:
    with pytest.raises(RuntimeError, match="is awaited"):
        Promise[str]().get()


async def test_a_promise_is_settled_once(spawn: Spawn) -> None:
    promise: Promise[str] = Promise()
    promise.set("first")
    promise.set("second")
    promise.fail(ValueError())
    promise.set_exception((ValueError, ValueError(), None))
    assert await promise == "first"


async def test_a_promise_passed_on_takes_over_value_and_failure() -> None:
    for outcome in ("value", ValueError("no")):
        inner: Promise[str] = Promise()
        outer: Promise[str] = Promise()
        outer.settle(inner)
        if isinstance(outcome, str):
            inner.set(outcome)
            assert await outer == outcome
        else:
            inner.fail(outcome)
            with pytest.raises(ValueError, match="no"):
                await outer


async def test_a_promise_of_work_that_was_cut_off_says_that_this_process_stops() -> None:
    promise: Promise[bool] = Promise()
    work: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    work.add_done_callback(promise.copy)
    work.cancel()
    with pytest.raises(Stopping):
        await promise


async def test_an_answer_that_is_late_is_given_up_and_comes_to_the_others() -> None:
    promise: Promise[str] = Promise()
    with pytest.raises(TimeoutError):
        await promise.within(0.001)
    patient = asyncio.create_task(promise.within(60))
    gone = asyncio.create_task(promise.within(60))
    await asyncio.sleep(0)
    gone.cancel()
    promise.set("late")
    assert await patient == "late"
    assert await promise.within(0) == "late"
    assert gone.cancelled()


async def test_a_failure_is_an_answer_in_time() -> None:
    promise: Promise[str] = Promise()
    waiting = asyncio.create_task(promise.within(60))
    await asyncio.sleep(0)
    promise.fail(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await waiting


async def test_a_full_mailbox_refuses_asks_and_never_tells(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn(limit=3)
    scribe.tell(Note("wait"))
    await eventually(lambda: scribe.depth == 0)
    taken = [scribe.ask(Echo(str(number))) for number in range(3)]
    refused = scribe.ask(Echo("too much"))
    for number in range(5):
        scribe.tell(Note(f"told {number}"))
    with pytest.raises(MailboxFull):
        await refused
    assert scribe.depth == 8
    journal.gate.set()
    assert [await one for one in taken] == ["0", "1", "2"]
    assert await scribe.ask(Echo("room again")) == "room again"
    assert [line for line in journal.lines if line.startswith("told")] == [f"told {number}" for number in range(5)]


async def test_a_batch_actor_sees_all_the_mail_that_has_arrived(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn(BatchScribe)
    scribe.tell(Note("wait"))
    await eventually(lambda: journal.lines == ["1"])
    for _ in range(39):
        scribe.tell(Note("more"))
    answer = scribe.ask(Echo("answer"))
    journal.gate.set()
    assert await answer == "answer"
    assert journal.lines == ["1", "40"]


async def test_a_batch_has_a_limit_and_the_rest_comes_in_the_next(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn(BatchScribe)
    for _ in range(MOST_MAIL_AT_ONCE + 50):
        scribe.tell(Note("more"))
    await eventually(lambda: len(journal.lines) == 2)
    assert journal.lines == [str(MOST_MAIL_AT_ONCE), "50"]


async def test_an_errand_does_not_keep_the_mailbox_waiting_and_its_outcome_is_piped(
    spawn: Spawn, journal: Journal
) -> None:
    scribe = spawn()
    slow = scribe.ask(Slow("slow"))
    assert await scribe.ask(Echo("quick")) == "quick"
    journal.gate.set()
    assert await slow == "slow"
    await eventually(lambda: "piped slow" in journal.lines)


async def test_what_breaks_an_errand_is_the_askers_and_is_piped_too(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    journal.gate.set()
    with pytest.raises(ValueError, match="impossible"):
        await scribe.ask(Slow("impossible"))
    await eventually(lambda: "broken ValueError('impossible')" in journal.lines)


async def test_an_actor_does_not_log_under_the_name_of_whoever_started_it(journal: Journal) -> None:
    class Witness(Scribe):
        async def started(self) -> None:
            self.journal.lines.append(repr(structlog.contextvars.get_contextvars()))

    address: Address[ScribeMessage] = Address("Witness")
    with structlog.contextvars.bound_contextvars(user_id="ann"):
        address.move_in(Witness(journal))
        await eventually(lambda: journal.lines)
    await address.vacate()
    assert journal.lines[0] == "{}"


async def test_a_reminder_is_mail_to_oneself_and_can_be_called_off(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    resident = scribe._resident
    assert resident is not None
    resident.remind(0, Note("due"))
    resident.remind(0, Note("called off")).cancel()
    await eventually(lambda: "due" in journal.lines)
    await a_few_turns()
    assert "called off" not in journal.lines


async def test_a_stopping_actor_finishes_its_mail_and_its_errands_first(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    scribe.tell(Chore())
    scribe.tell(Note("before"))
    leaving = asyncio.create_task(scribe.vacate())
    await a_few_turns()
    assert not leaving.done()
    journal.gate.set()
    await leaving
    assert journal.lines == ["started", "before", "chore done", "stopped"]


async def test_errands_that_take_too_long_are_cut_off_when_an_actor_stops(
    spawn: Spawn, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.runtime._resident.LAST_SECONDS", 0.01)
    scribe = spawn()
    slow = scribe.ask(Slow("never"))
    await scribe.vacate()
    with pytest.raises(Stopping):
        await slow
    assert journal.lines[-1] == "stopped"


async def test_what_is_sent_to_a_stopped_actor_is_lost_or_refused(spawn: Spawn, journal: Journal) -> None:
    scribe = spawn()
    await scribe.vacate()
    scribe.tell(Note("too late"))
    with pytest.raises(Stopping):
        await scribe.ask(Echo("too late"))
    await scribe.vacate()
    assert "too late" not in journal.lines


async def test_an_ask_that_arrives_after_the_stop_is_refused_and_not_forgotten(spawn: Spawn) -> None:
    scribe = spawn()
    leaving = asyncio.create_task(scribe.vacate())
    await asyncio.sleep(0)
    late = [scribe.ask(Echo("late")) for _ in range(3)]
    await leaving
    for promise in late:
        with pytest.raises(Stopping):
            await promise


async def test_an_address_where_nobody_ever_lived_refuses_asks_and_swallows_tells() -> None:
    nowhere: Address[ScribeMessage] = Address("Scribe")
    nowhere.tell(Note("hello"))
    with pytest.raises(Stopping):
        await nowhere.ask(Echo("hello"))
    await nowhere.vacate()
    assert nowhere.depth == 0
