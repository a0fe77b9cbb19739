"""Calls that wait at the same time share one trip."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import StoreUnavailable
from persistence.coalesce import Coalescer
from tests.persistence.statement import Statement, started


async def test_what_is_asked_while_a_statement_runs_goes_together_in_the_next() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1)
    first = asyncio.create_task(ask(1))
    await started(statement, 1)
    rest = [asyncio.create_task(ask(number)) for number in range(2, 50)]
    await asyncio.sleep(0)
    statement.gate.set()
    assert [await first, *await asyncio.gather(*rest)] == [2 * number for number in range(1, 50)]
    assert statement.batches == [[1], list(range(2, 50))]


async def test_no_batch_is_larger_than_allowed_and_the_order_is_kept() -> None:
    statement = Statement(is_open=True)
    ask = Coalescer(statement, most=10, lanes=1)
    assert await ask.all(list(range(25))) == [2 * number for number in range(25)]
    assert [len(batch) for batch in statement.batches] == [10, 10, 5]
    assert [number for batch in statement.batches for number in batch] == list(range(25))


async def test_so_many_lanes_run_side_by_side_and_no_more() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=2, gather_seconds=0)
    asked = []
    for number in range(10):
        asked.append(asyncio.create_task(ask(number)))
        for _ in range(5):
            await asyncio.sleep(0)
    assert statement.batches == [[0], [1]]
    statement.gate.set()
    await asyncio.gather(*asked)
    assert sorted(number for batch in statement.batches for number in batch) == list(range(10))


async def test_what_a_batch_raises_everyone_in_it_gets_and_nobody_else() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1)
    failing = [asyncio.create_task(ask(number)) for number in range(3)]
    await started(statement, 1)
    waiting = asyncio.create_task(ask(7))
    await asyncio.sleep(0)
    statement.error = StoreUnavailable("postgres")
    statement.gate.set()
    outcomes = await asyncio.gather(*failing, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    with pytest.raises(StoreUnavailable):
        await waiting
    statement.error = None
    assert await ask(5) == 10, "the lane is free again"


async def test_an_asker_that_gives_up_takes_nothing_from_the_others() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1)
    asked = [asyncio.create_task(ask(number)) for number in range(3)]
    await started(statement, 1)
    asked[1].cancel()
    await asyncio.sleep(0)
    statement.gate.set()
    assert (await asked[0], await asked[2]) == (0, 4)
    assert asked[1].cancelled()
    assert statement.batches == [[0, 1, 2]]


async def test_nothing_is_asked_for_nothing() -> None:
    statement = Statement(is_open=True)
    assert await Coalescer(statement).all([]) == []
    assert not statement.batches


@given(
    groups=st.lists(st.lists(st.integers(), max_size=7), max_size=20),
    most=st.integers(1, 9),
    lanes=st.integers(1, 4),
)
def test_everyone_gets_the_answer_to_their_own_question(groups: list[list[int]], most: int, lanes: int) -> None:
    async def run() -> None:
        statement = Statement(is_open=True)
        ask = Coalescer(statement, most=most, lanes=lanes)
        answers = await asyncio.gather(*(ask.all(group) for group in groups))
        assert answers == [[2 * number for number in group] for group in groups]
        assert all(0 < len(batch) <= most for batch in statement.batches)

    with asyncio.Runner() as runner:
        runner.run(run())


async def test_when_too_many_wait_the_next_is_refused_at_once() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1, most_waiting=3)
    first = asyncio.create_task(ask(1))
    await started(statement, 1)
    rest = [asyncio.create_task(ask(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await ask(5)
    statement.gate.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8]


async def test_one_call_may_ask_more_than_may_wait_when_nobody_does() -> None:
    assert await Coalescer(Statement(is_open=True), most_waiting=3).all([1, 2, 3, 4]) == [2, 4, 6, 8]


async def test_whoever_waits_too_long_is_told_so_and_asked_for_no_more() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1, patience_seconds=0.05)
    hanging = asyncio.create_task(ask(1))
    await started(statement, 1)
    for answer in await asyncio.gather(hanging, ask(2), return_exceptions=True):
        assert isinstance(answer, StoreUnavailable)
    statement.gate.set()
    assert await ask(3) == 6
    assert statement.batches == [[1], [3]]


async def test_patience_ends_for_everyone_in_turn() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1, patience_seconds=0.05)
    for number in range(3):
        with pytest.raises(StoreUnavailable):
            await ask(number)
    statement.gate.set()


async def test_an_answer_that_was_given_is_not_kept() -> None:
    ask = Coalescer(Statement(is_open=True))
    await ask.all(list(range(1000)))
    await asyncio.sleep(0)
    assert not ask._asked


async def test_a_batch_is_run_in_the_order_of_its_locks() -> None:
    statement = Statement(is_open=True)
    assert await Coalescer(statement, lock_order=str).all([3, 1, 2]) == [6, 2, 4]
    assert statement.batches == [[1, 2, 3]]


@pytest.mark.parametrize("together", [True, False])
async def test_those_who_wait_fail_with_the_others_where_that_is_asked_for(together: bool) -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1, fails_together=together)
    first = asyncio.create_task(ask(1))
    await started(statement, 1)
    second = asyncio.create_task(ask(2))
    await asyncio.sleep(0)
    statement.error = StoreUnavailable("postgres")
    statement.gate.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(first.exception(), StoreUnavailable)
    assert isinstance(second.exception(), StoreUnavailable)
    assert len(statement.batches) == (1 if together else 2)


async def test_a_statement_that_is_cancelled_keeps_nobody_waiting() -> None:
    async def cancelled(_: Sequence[int]) -> Sequence[int]:
        raise asyncio.CancelledError

    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable):
            await Coalescer(cancelled)(1)
