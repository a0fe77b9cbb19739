"""Frames on their way out: bounded, in order, and never the end of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, nullcontext

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from structlog.testing import capture_logs
from uuid_utils import uuid7

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis import publishing as module
from persistence.redis.client import connect
from persistence.redis.keys import FRAMES_CHANNEL
from persistence.redis.publishing import Frame, Publisher, frames_in
from tests.builders import ANN
from tests.persistence.conftest import Failures
from tests.web.fakes import until

Answer = Callable[[Sequence[Frame]], None]


def taken(frames: Sequence[Frame]) -> None:
    """Redis is fine."""


def frame(text: str) -> Frame:
    return Frame(ANN, text)


class Stub:
    """In the place of the trip to Redis; answers as told, then takes everything."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []

    async def __call__(self, frames: Sequence[Frame]) -> bool:
        (self.answers.pop(0) if self.answers else taken)(frames)
        self.sent += [frame.text for frame in frames]
        return True


@pytest.fixture
def stubbed(failures: Failures, monkeypatch: pytest.MonkeyPatch) -> Callable[[Stub], Publisher]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)

    def make(stub: Stub) -> Publisher:
        publisher = Publisher(
            connect("redis://127.0.0.1:1/0"), origin="0" * 8, is_subscribed=lambda: True, failed=failures
        )
        monkeypatch.setattr(publisher, "_send", stub)
        return publisher

    return make


async def during(work: Awaitable[None], condition: Callable[[], object]) -> None:
    """Return once *condition* holds while *work* is going on."""
    task = asyncio.ensure_future(work)
    try:
        await until(condition)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_frames_that_found_too_many_before_them_are_kept(stubbed: Callable[[Stub], Publisher]) -> None:
    def crowded(frames: Sequence[Frame]) -> None:
        raise StoreUnavailable("redis")

    stub = Stub(crowded)
    publisher = stubbed(stub)
    publisher.publish(frame("one"))
    await during(publisher.run(), lambda: stub.sent)
    assert stub.sent == ["one"]


async def test_an_error_that_nobody_thought_of_does_not_end_it(stubbed: Callable[[Stub], Publisher]) -> None:
    def fail(frames: Sequence[Frame]) -> None:
        raise ZeroDivisionError

    stub = Stub(fail)
    publisher = stubbed(stub)
    publisher.publish(frame("1"))
    with capture_logs() as lines:
        task = asyncio.create_task(publisher.run())
        await until(lambda: lines)
        publisher.publish(frame("2"))
        await until(lambda: "2" in stub.sent)
    task.cancel()
    await asyncio.wait([task])
    assert [line["log_level"] for line in lines] == ["error"]


async def test_what_redis_refused_is_sent_again_in_order(
    stubbed: Callable[[Stub], Publisher], failures: Failures
) -> None:
    def refuse(frames: Sequence[Frame]) -> None:
        raise ResponseError("OOM")

    stub = Stub(refuse)
    publisher = stubbed(stub)
    for number in range(3):
        publisher.publish(frame(str(number)))
    await during(publisher.run(), lambda: len(stub.sent) == 3)
    assert stub.sent == ["0", "1", "2"]
    assert failures.names == ["redis"]


async def test_many_frames_take_several_trips_and_keep_their_order(
    stubbed: Callable[[Stub], Publisher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 3)
    stub = Stub()
    publisher = stubbed(stub)
    for number in range(10):
        publisher.publish(frame(str(number)))
    await publisher.flush()
    assert stub.sent == [str(number) for number in range(10)]


async def test_of_too_many_frames_the_newest_are_kept(failures: Failures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 100)
    async with aclosing(connect("redis://127.0.0.1:1/0")) as client:
        publisher = Publisher(client, origin="0" * 8, is_subscribed=lambda: True, failed=failures)
        for number in range(1000):
            publisher.publish(frame(str(number)))
        await during(publisher.run(), lambda: failures.names)
        assert [one.text for _, one in publisher._waiting] == [str(number) for number in range(900, 1000)]
        await publisher.finish()
        assert len(publisher._waiting) == 100


@pytest.mark.parametrize("text", ['{"type":"state"}', "é 🎉", "x" * 100_000])
def test_a_message_is_read_as_it_was_written(text: str) -> None:
    users = [UserId(name) for name in ("ann", "a:b", "é 🎉", "a b")]
    lines = "\n".join(f"{user_id}\t{text}" for user_id in users)
    assert frames_in(f"0123abcd{lines}".encode()) == [Frame(user_id, text) for user_id in users]


@asynccontextmanager
async def listener(url: str, channel: str = FRAMES_CHANNEL) -> AsyncIterator[Callable[[], Awaitable[list[str]]]]:
    """Somebody who listens; returns what came in until now.  By a pattern, nobody is counted for it."""
    async with Redis.from_url(url, decode_responses=True) as redis, redis.pubsub() as pubsub:
        await (pubsub.psubscribe if "*" in channel else pubsub.subscribe)(channel)
        assert await pubsub.get_message(timeout=5)

        async def heard() -> list[str]:
            await redis.publish(FRAMES_CHANNEL, mark := str(uuid7()))
            texts: list[str] = []
            async for message in pubsub.listen():
                if message["data"] == mark:
                    break
                texts += [frame.text for frame in frames_in(message["data"].encode()) or ()]
            return texts

        yield heard


@asynccontextmanager
async def publisher_at(url: str, failures: Failures, *, subscribed: bool) -> AsyncIterator[Publisher]:
    async with aclosing(connect(url)) as client:
        yield Publisher(client, origin="0" * 8, is_subscribed=lambda: subscribed, failed=failures)


async def told(publisher: Publisher, *texts: str) -> None:
    for text in texts:
        publisher.publish(frame(text))
        await publisher.flush()


@pytest.mark.parametrize("subscribed", [False, True])
async def test_nothing_is_published_while_nobody_else_listens(
    lone_redis_url: str, failures: Failures, subscribed: bool
) -> None:
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(publisher_at(lone_redis_url, failures, subscribed=subscribed))
        overhears = await stack.enter_async_context(listener(lone_redis_url, f"{FRAMES_CHANNEL}*"))
        if subscribed:
            await stack.enter_async_context(listener(lone_redis_url))
        await told(publisher, "to nobody")
        hears = await stack.enter_async_context(listener(lone_redis_url))
        await told(publisher, "to the other one")
        assert await hears() == ["to the other one"]
        assert await overhears() == ["to the other one"]


async def test_what_was_withheld_goes_out_when_we_turn_out_not_to_have_listened(
    lone_redis_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with publisher_at(lone_redis_url, failures, subscribed=True) as publisher, listener(lone_redis_url) as hears:
        await told(publisher, "1", "2")
        assert await hears() == [], "the only one who listens was taken for ourselves"
        monkeypatch.setattr(publisher, "_is_subscribed", lambda: False)
        publisher.subscription_lost()
        await told(publisher, "3")
        assert await hears() == ["1", "2", "3"]
        publisher.subscription_lost()
        await publisher.flush()
        assert await hears() == [], "once is enough"


async def test_what_was_withheld_long_ago_stays(
    lone_redis_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    async with publisher_at(lone_redis_url, failures, subscribed=True) as publisher, listener(lone_redis_url) as hears:
        monkeypatch.setattr(publisher, "_clock", lambda: now)
        await told(publisher, "long ago")
        now += module.DOUBT_SECONDS + 0.1
        await told(publisher, "just now")
        assert len(publisher._withheld) == 1
        monkeypatch.setattr(publisher, "_is_subscribed", lambda: False)
        publisher.subscription_lost()
        await publisher.flush()
        assert await hears() == ["just now"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_subscription_lost_while_frames_are_under_way_leaves_them_in_order(
    lone_redis_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    async with publisher_at(lone_redis_url, failures, subscribed=True) as publisher, listener(lone_redis_url) as hears:
        await told(publisher, "1")
        send = publisher._send

        async def lose(frames: Sequence[Frame]) -> bool:
            monkeypatch.setattr(publisher, "_send", send)
            is_published = await send(frames)
            monkeypatch.setattr(publisher, "_is_subscribed", lambda: False)
            publisher.subscription_lost()
            if fails:
                raise TimeoutError
            return is_published

        monkeypatch.setattr(publisher, "_send", lose)
        publisher.publish(frame("2"))
        with pytest.raises(TimeoutError) if fails else nullcontext():
            await publisher.flush()
        publisher.publish(frame("3"))
        await publisher.flush()
        assert await hears() == ["1", "2", "3"]


async def test_where_one_may_not_look_who_listens_everything_goes_out(lone_redis_url: str, failures: Failures) -> None:
    async with Redis.from_url(lone_redis_url) as redis:
        await redis.acl_setuser(
            "blind", enabled=True, passwords=["+secret"], keys=["*"], channels=["*"], commands=["+@all", "-pubsub"]
        )
        url = lone_redis_url.replace("://", "://blind:secret@")
        async with publisher_at(url, failures, subscribed=True) as publisher, listener(lone_redis_url) as hears:
            with capture_logs() as lines:
                await told(publisher, "anyway")
            assert await hears() == ["anyway"]
            assert [line["action"] for line in lines] == ["fanout_failed"]
