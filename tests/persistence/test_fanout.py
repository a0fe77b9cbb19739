"""Frames between two replicas, and what is left of them when Redis stumbles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from domain.ids import UserId
from persistence.redis import fanout as module
from persistence.redis import publishing
from persistence.redis.keys import FRAMES_CHANNEL
from service.embedded import Servers
from tests.actors.waiting import a_few_turns
from tests.builders import ANN, BEN, new_users
from tests.persistence.conftest import Failures
from tests.persistence.replicas import Replica, open_replica
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
async def replicas(redis_url: str, stack: AsyncExitStack, failures: Failures) -> tuple[Replica, Replica]:
    return await open_replica(redis_url, stack, failures), await open_replica(redis_url, stack, failures)


async def test_a_frame_reaches_the_replica_that_holds_the_users_socket(replicas: tuple[Replica, Replica]) -> None:
    here, there = replicas
    await there.fanout.subscribe(ANN)
    here.fanout.publish(ANN, '{"type":"state"}')
    await there.receives(ANN, '{"type":"state"}')
    assert not here.delivered


async def test_ones_own_frames_do_not_come_back(replicas: tuple[Replica, Replica]) -> None:
    here, there = replicas
    await asyncio.gather(here.fanout.subscribe(ANN), there.fanout.subscribe(ANN))
    here.fanout.publish(ANN, "from here")
    there.fanout.publish(ANN, "from there")
    await asyncio.gather(here.receives(ANN, "from there"), there.receives(ANN, "from here"))
    assert here.delivered == [(ANN, "from there")]
    assert there.delivered == [(ANN, "from here")]


async def test_frames_arrive_in_order_and_none_is_lost(replicas: tuple[Replica, Replica]) -> None:
    here, there = replicas
    users = new_users(20)
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in users))
    for number in range(50):
        for user_id in users:
            here.fanout.publish(user_id, str(number))
    for user_id in users:
        await there.receives(user_id, "49")
        assert [text for told, text in there.delivered if told == user_id] == [str(number) for number in range(50)]


async def test_users_who_are_not_here_or_have_gone_get_nothing(replicas: tuple[Replica, Replica]) -> None:
    here, there = replicas
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in (ANN, BEN)))
    there.fanout.unsubscribe(ANN)
    there.fanout.unsubscribe(UserId("never here"))
    await a_few_turns()
    here.fanout.publish(ANN, "too late")
    here.fanout.publish(BEN, "in time")
    await there.receives(BEN, "in time")
    assert there.delivered[-1] == (BEN, "in time")


async def test_who_comes_back_is_heard_again(replicas: tuple[Replica, Replica]) -> None:
    here, there = replicas
    for number in range(20):
        await there.fanout.subscribe(ANN)
        here.fanout.publish(ANN, str(number))
        await there.receives(ANN, str(number))
        there.fanout.unsubscribe(ANN)


async def test_user_ids_of_any_spelling_are_told_apart(replicas: tuple[Replica, Replica]) -> None:
    here, there = replicas
    users = [UserId(name) for name in ("a:b", "a*", "a", "é 🎉", "a b")]
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in users))
    for user_id in users:
        here.fanout.publish(user_id, f"for {user_id}")
        await there.receives(user_id, f"for {user_id}")
    assert there.delivered == [(user_id, f"for {user_id}") for user_id in users]


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
async def test_after_connections_are_killed_frames_flow_again_and_users_are_brought_up_to_date(
    replicas: tuple[Replica, Replica], redis_url: str, kind: str
) -> None:
    here, there = replicas
    await asyncio.gather(*(there.fanout.subscribe(user_id) for user_id in (ANN, BEN)))
    here.fanout.publish(ANN, "before")
    await there.receives(ANN, "before")
    async with Redis.from_url(redis_url) as other:
        await other.client_kill_filter(_type=kind, skipme=True)
    await frames_flow_again(here, there, ANN, BEN)
    if kind == "pubsub":
        assert set(there.caught_up) == {ANN, BEN}


async def frames_flow_again(here: Replica, there: Replica, *users: UserId) -> None:
    """Return once a new frame reaches each of *users*."""
    async with asyncio.timeout(5):
        while not all((user_id, "again") in there.delivered for user_id in users):
            for user_id in users:
                here.fanout.publish(user_id, "again")
            await asyncio.sleep(0.01)


async def test_a_silent_subscription_is_checked_and_lives_on(
    redis_url: str, stack: AsyncExitStack, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.01)
    here, there = await open_replica(redis_url, stack, failures), await open_replica(redis_url, stack, failures)
    heard: list[str] = []
    receive = there.fanout._receive

    def spy(message: Mapping[str, Any]) -> None:
        heard.append(message["type"])
        receive(message)

    monkeypatch.setattr(there.fanout, "_receive", spy)
    await there.fanout.subscribe(ANN)
    await until(lambda: heard.count("pong") >= 3)
    here.fanout.publish(ANN, "after a silence")
    await there.receives(ANN, "after a silence")
    assert not there.caught_up


FOREIGN = [
    b"\xff",
    b"",
    b"hello",
    b'{"type":"state"}',
    b"0123456",
    b"01234567",
    b"01234567\xff",
    b"01234567no tab",
    b"01234567a\tb\nno tab",
    b"x1234567a\tb",
]


async def test_messages_that_are_not_ours_are_dropped(replicas: tuple[Replica, Replica], redis_url: str) -> None:
    here, there = replicas
    await there.fanout.subscribe(ANN)
    with capture_logs() as lines:
        async with Redis.from_url(redis_url) as other:
            for message in FOREIGN:
                assert await other.publish(FRAMES_CHANNEL, message) >= 2
        here.fanout.publish(ANN, "ours")
        await there.receives(ANN, "ours")
    assert there.delivered == [(ANN, "ours")]
    assert not there.caught_up
    assert {line["action"] for line in lines} == {"fanout_foreign"}


async def test_an_error_that_nobody_thought_of_does_not_end_the_listening(
    replicas: tuple[Replica, Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = replicas
    await there.fanout.subscribe(ANN)

    deliver = there.fanout._deliver

    def fail(user_id: UserId, text: str) -> None:
        if text == "too much":
            raise ZeroDivisionError
        deliver(user_id, text)

    monkeypatch.setattr(there.fanout, "_deliver", fail)
    with capture_logs() as lines:
        here.fanout.publish(ANN, "too much")
        await until(lambda: there.caught_up == [ANN])
        here.fanout.publish(ANN, "fine")
        await there.receives(ANN, "fine")
    assert [line["log_level"] for line in lines] == ["error"]


async def test_who_connects_while_redis_is_away_is_heard_once_it_is_back(
    mortal_servers: Servers, stack: AsyncExitStack, failures: Failures
) -> None:
    url = mortal_servers.urls.redis_url
    assert url is not None
    here, there = await open_replica(url, stack, failures), await open_replica(url, stack, failures)
    await there.fanout.subscribe(ANN)
    await asyncio.to_thread(mortal_servers.stop_server, "redis")
    await there.fanout.subscribe(BEN)
    here.fanout.publish(ANN, "said meanwhile")
    await asyncio.to_thread(mortal_servers.start_server, "redis")
    await frames_flow_again(here, there, ANN, BEN)
    assert "redis" in failures.names


async def test_a_replica_that_starts_without_redis_joins_in_once_it_is_there(
    mortal_servers: Servers, stack: AsyncExitStack, failures: Failures
) -> None:
    url = mortal_servers.urls.redis_url
    assert url is not None
    await asyncio.to_thread(mortal_servers.stop_server, "redis")
    here, there = await open_replica(url, stack, failures), await open_replica(url, stack, failures)
    await there.fanout.subscribe(ANN)
    await asyncio.to_thread(mortal_servers.start_server, "redis")
    await frames_flow_again(here, there, ANN)
