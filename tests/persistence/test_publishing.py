"""Frames on their way out: bounded, in order, and never the end of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import pytest
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis import publishing as module
from persistence.redis.client import connect
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

    async def __call__(self, frames: Sequence[Frame]) -> None:
        (self.answers.pop(0) if self.answers else taken)(frames)
        self.sent += [frame.text for frame in frames]


@pytest.fixture
def stubbed(failures: Failures, monkeypatch: pytest.MonkeyPatch) -> Callable[[Stub], Publisher]:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)

    def make(stub: Stub) -> Publisher:
        publisher = Publisher(connect("redis://127.0.0.1:1/0"), origin="0" * 8, failed=failures)
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
        publisher = Publisher(client, origin="0" * 8, failed=failures)
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
