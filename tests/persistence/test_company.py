"""When those who ask wait for company, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from domain.errors import StoreUnavailable
from persistence import coalesce
from persistence.coalesce import Coalescer
from tests.persistence.statement import Statement, started


async def test_whoever_comes_soon_after_a_statement_waits_for_others() -> None:
    statement = Statement(is_open=True)
    ask = Coalescer(statement, gather_seconds=0.05)
    crowd = list(range(10))
    assert await ask.all(crowd) == [2 * number for number in crowd]
    second = asyncio.create_task(ask(20))
    for _ in range(5):
        await asyncio.sleep(0)
    assert [await ask(30), await second] == [60, 40]
    assert statement.batches == [crowd, [20, 30]]


async def test_where_there_is_no_crowd_nobody_waits_for_others() -> None:
    statement = Statement(is_open=True)
    ask = Coalescer(statement, gather_seconds=60)
    async with asyncio.timeout(5):
        assert [await ask(1), await ask(2)] == [2, 4]
    assert statement.batches == [[1], [2]]


async def test_a_full_batch_waits_for_nobody() -> None:
    statement = Statement(is_open=True)
    ask = Coalescer(statement, most=2, gather_seconds=60)
    async with asyncio.timeout(5):
        for numbers in ([1, 2], [3, 4], [5, 6], [7, 8]):
            assert await ask.all(numbers) == [2 * number for number in numbers]


async def test_who_gathers_is_served_again_and_again() -> None:
    statement = Statement(is_open=True)
    ask = Coalescer(statement, gather_seconds=0.01)
    await ask.all(list(range(20)))
    for number in range(100, 105):
        asked = [asyncio.create_task(ask(number)), asyncio.create_task(ask(number + 1000))]
        async with asyncio.timeout(5):
            assert await asyncio.gather(*asked) == [2 * number, 2 * (number + 1000)]


async def test_a_crowd_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalesce, "MEMORY_SECONDS", 1e-9)  # a while: any time at all
    statement = Statement(is_open=True)
    ask = Coalescer(statement, gather_seconds=60)
    await ask.all(list(range(20)))
    async with asyncio.timeout(5):
        assert await ask(1) == 2


async def test_no_more_lanes_are_taken_after_gathering_than_there_are() -> None:
    statement = Statement()
    ask = Coalescer(statement, lanes=1, gather_seconds=0.01)
    first = asyncio.create_task(ask.all(list(range(20))))
    await started(statement, 1)
    second = asyncio.create_task(ask(30))
    while asyncio.get_running_loop().time() <= ask._gather_until:  # noqa: ASYNC110 - time passes, nothing else
        await asyncio.sleep(0)
    assert len(statement.batches) == 1
    statement.gate.set()
    await asyncio.gather(first, second)
    assert len(statement.batches) == 2


async def test_who_is_in_no_hurry_goes_with_the_next_who_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalesce, "LEISURE_SECONDS", 60)
    statement = Statement(is_open=True)
    ask = Coalescer(statement, most=3)
    at_leisure = [asyncio.create_task(ask.at_leisure(number)) for number in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert statement.batches == []
    async with asyncio.timeout(5):
        assert await ask(5) == 10
        assert await asyncio.gather(*at_leisure) == [0, 2, 4, 6, 8]
    assert sorted(statement.batches) == [[0, 1, 2], [3, 4, 5]]


async def test_who_is_in_no_hurry_goes_alone_after_a_moment() -> None:
    statement = Statement(is_open=True)
    ask = Coalescer(statement)
    async with asyncio.timeout(5):
        for number in range(3):
            assert await ask.at_leisure(number) == 2 * number
    assert statement.batches == [[0], [1], [2]]


async def test_a_moment_that_ends_for_nobody_takes_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalesce, "LEISURE_SECONDS", 0)
    statement = Statement(is_open=True)
    ask = Coalescer(statement)
    hurried, taken_along = asyncio.create_task(ask(1)), asyncio.create_task(ask.at_leisure(2))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (hurried.result(), taken_along.result()) == (2, 4)
    async with asyncio.timeout(5):  # less than the patience of whoever waits in vain
        assert [await ask.at_leisure(number) for number in range(3)] == [0, 2, 4]


async def test_who_fails_with_others_takes_nobody_elses_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalesce, "LEISURE_SECONDS", 0)
    statement = Statement()
    ask = Coalescer(statement, lanes=1, fails_together=True)
    failing = [asyncio.create_task(ask(1))]
    await started(statement, 1)
    failing.append(asyncio.create_task(ask.at_leisure(2)))
    statement.error = StoreUnavailable("redis")
    statement.gate.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert [type(one.exception()) for one in failing] == [StoreUnavailable] * 2
    statement.error = None
    async with asyncio.timeout(5):
        assert [await ask.at_leisure(number) for number in range(3)] == [0, 2, 4]
