"""One of two replicas loses Redis: what was said meanwhile arrives, and who missed something is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis import fanout as module
from persistence.redis import publishing
from tests.actors.waiting import a_few_turns
from tests.builders import ANN, BEN, new_users
from tests.persistence.conftest import Failures
from tests.persistence.replicas import Proxy, Replica, open_replica
from tests.web.fakes import until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_SECONDS", 0.02)
    monkeypatch.setattr(publishing, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(publishing, "LATE_SECONDS", 60.0)  # however slow the machine


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def proxy(redis_url: str, stack: AsyncExitStack) -> Proxy:
    return await stack.enter_async_context(Proxy(redis_url).running())


async def is_deaf(replica: Replica) -> None:
    """Return once *replica* knows that it hears nobody."""
    await until(lambda: not replica.fanout._hears.is_set())


async def test_frames_of_a_replica_that_alone_lost_redis_arrive_once_it_is_back(
    redis_url: str, proxy: Proxy, stack: AsyncExitStack, failures: Failures
) -> None:
    here, there = await open_replica(proxy.url, stack, failures), await open_replica(redis_url, stack, failures)
    await asyncio.gather(here.fanout.subscribe(BEN), there.fanout.subscribe(ANN))
    proxy.cut()
    await is_deaf(here)
    for number in range(3):
        here.fanout.publish(ANN, str(number))
    await until(lambda: failures.names)
    assert not there.delivered
    proxy.mend()
    await there.receives(ANN, "2")
    assert there.delivered == [(ANN, str(number)) for number in range(3)]
    assert not there.caught_up, "it never lost Redis"


async def test_whoever_is_told_something_late_is_told_how_things_stand_now(
    redis_url: str, proxy: Proxy, stack: AsyncExitStack, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await open_replica(proxy.url, stack, failures), await open_replica(redis_url, stack, failures)
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in (ANN, BEN)))
    now = 1000.0
    monkeypatch.setattr(here.fanout._publisher, "_clock", lambda: now)
    monkeypatch.setattr(publishing, "LATE_SECONDS", 0.1)
    proxy.cut()
    for text in ("found", "confirmed"):
        here.fanout.publish(ANN, text)
    await until(lambda: failures.names)
    now += publishing.LATE_SECONDS + 0.1
    here.fanout.publish(BEN, "just now")
    proxy.mend()
    await there.receives(BEN, "just now")
    await until(lambda: there.caught_up)
    assert there.delivered == [(ANN, "found"), (ANN, "confirmed"), (BEN, "just now")]
    assert there.caught_up == [ANN]


async def test_frames_that_have_waited_too_long_are_no_news(
    redis_url: str, proxy: Proxy, stack: AsyncExitStack, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await open_replica(proxy.url, stack, failures), await open_replica(redis_url, stack, failures)
    await there.fanout.subscribe(ANN)
    now = 1000.0
    monkeypatch.setattr(here.fanout._publisher, "_clock", lambda: now)
    proxy.cut()
    here.fanout.publish(ANN, "old")
    await until(lambda: failures.names)
    now += publishing.MOST_SECONDS + 1
    here.fanout.publish(ANN, "new")
    proxy.mend()
    await there.receives(ANN, "new")
    assert there.delivered == [(ANN, "new")]


async def test_whoever_connects_while_redis_is_away_is_brought_up_to_date_too(
    proxy: Proxy, stack: AsyncExitStack, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = await open_replica(proxy.url, stack, failures)
    await there.fanout.subscribe(ANN)
    monkeypatch.setattr(module, "SUBSCRIBE_SECONDS", 0.01)
    proxy.cut()
    await is_deaf(there)
    await there.fanout.subscribe(BEN)
    proxy.mend()
    await until(lambda: sorted(there.caught_up) == [ANN, BEN])


async def test_whoever_is_heard_from_the_start_has_missed_nothing(
    redis_url: str, stack: AsyncExitStack, failures: Failures
) -> None:
    there = await open_replica(redis_url, stack, failures)
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in (ANN, BEN)))
    await a_few_turns()
    assert not there.caught_up


async def test_many_are_brought_up_to_date_at_once_and_not_all(
    proxy: Proxy, stack: AsyncExitStack, failures: Failures
) -> None:
    running, may_go_on = 0, asyncio.Event()

    async def read(user_id: UserId) -> None:
        nonlocal running
        running += 1
        await may_go_on.wait()

    there = await open_replica(proxy.url, stack, failures, catching_up=read)
    users = new_users(3 * module.MOST_AT_ONCE)
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in users))
    proxy.cut()
    await is_deaf(there)
    proxy.mend()
    await until(there.fanout._hears.is_set)
    await a_few_turns()
    assert running == module.MOST_AT_ONCE
    may_go_on.set()
    await until(lambda: sorted(there.caught_up) == sorted(users))


@pytest.mark.parametrize("error", [StoreUnavailable("postgres"), ZeroDivisionError()], ids=repr)
async def test_one_who_cannot_be_brought_up_to_date_keeps_nobody_else_from_it(
    proxy: Proxy, stack: AsyncExitStack, failures: Failures, error: Exception
) -> None:
    errors = [error] * module.MOST_AT_ONCE

    async def read(user_id: UserId) -> None:
        if user_id == BEN and errors:
            raise errors.pop()

    there = await open_replica(proxy.url, stack, failures, catching_up=read)
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in (BEN, ANN)))
    proxy.cut()
    await is_deaf(there)
    proxy.mend()
    await until(lambda: ANN in there.caught_up)
    if isinstance(error, StoreUnavailable):
        await until(lambda: BEN in there.caught_up)


@pytest.mark.parametrize("how", ["fall_silent", "cut_and_fall_mute"])
async def test_a_line_that_died_without_a_word_is_replaced_and_so_is_one_that_never_answers(
    redis_url: str, proxy: Proxy, stack: AsyncExitStack, failures: Failures, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    here, there = await open_replica(redis_url, stack, failures), await open_replica(proxy.url, stack, failures)
    await there.fanout.subscribe(ANN)
    getattr(proxy, how)()
    await is_deaf(there)
    proxy.mend()
    await until(lambda: there.caught_up == [ANN])
    here.fanout.publish(ANN, "heard")
    await there.receives(ANN, "heard")


async def test_the_last_frames_are_published_before_the_end(
    redis_url: str, stack: AsyncExitStack, failures: Failures
) -> None:
    here, there = await open_replica(redis_url, stack, failures), await open_replica(redis_url, stack, failures)
    await there.fanout.subscribe(ANN)
    here.fanout.publish(ANN, "goodbye")
    await here.fanout.close()
    await there.receives(ANN, "goodbye")


@pytest.mark.parametrize("how", ["cut", "fall_silent"])
async def test_the_end_does_not_wait_for_a_redis_that_is_away(
    proxy: Proxy, stack: AsyncExitStack, failures: Failures, how: str
) -> None:
    here = await open_replica(proxy.url, stack, failures)
    await here.fanout.subscribe(ANN)
    getattr(proxy, how)()
    here.fanout.publish(BEN, "goodbye")
    began = time.monotonic()
    await here.fanout.close()
    assert time.monotonic() - began < publishing.GOODBYE_SECONDS + 0.5


async def test_a_redis_that_comes_and_goes_while_postgres_is_away_has_nobody_queued_twice(
    redis_url: str, stack: AsyncExitStack, failures: Failures
) -> None:
    replica = await open_replica(redis_url, stack, failures)
    users = set(new_users(50))
    for _ in range(10):
        replica.fanout._behind |= users
        replica.fanout._arrives()
    # nobody has had a turn: as if each catching up were put off
    assert replica.fanout._to_catch_up.qsize() == len(users)
