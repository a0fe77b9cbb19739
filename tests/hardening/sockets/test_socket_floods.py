"""X29 to X33, X39, X40: too much, too little, and gone in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import redis.asyncio

from persistence.redis.keys import FRAMES_CHANNEL
from tests.e2e.replica import Replica
from tests.e2e.waiting import until
from tests.hardening.sockets.gauges import gauges
from tests.hardening.sockets.lines import Line, answers
from tests.hardening.sockets.wire import PING, PONG, TEXT, dialled, frame, handshake, opened, somebody
from tests.web.conftest import Edge

ABORTS = 10_000
AT_ONCE = 50
SPARE_DESCRIPTORS = 8
MOST_UNREAD_BYTES = 128 * 1024


@answers("X29")
async def test_twenty_messages_in_ten_seconds_are_enough(quiet: Replica, line: Line) -> None:
    async with opened(quiet.url, somebody()) as wire:
        wire.send(frame(TEXT, b"{}") * 19)
        await wire.is_served()
        wire.send(frame(TEXT, b"{}"))
        assert await wire.closed() == line.answer


@answers("X30")
async def test_a_flood_of_pings_is_not_answered_one_by_one(quiet: Replica, line: Line) -> None:
    async with opened(quiet.url, somebody()) as wire:
        wire.send(frame(PING, b"x" * 100) * 20_000)
        pongs = 0
        while (received := await wire.frame()).opcode == PONG:
            pongs += 1
        assert int.from_bytes(received.payload[:2]) == line.answer
        assert pongs <= 20


@answers("X31")
async def test_a_flood_of_pongs_is_counted_too(quiet: Replica, line: Line) -> None:
    async with opened(quiet.url, somebody()) as wire:
        wire.send(frame(PONG) * 20_000)
        assert await wire.closed() == line.answer


@answers("X32")
async def test_who_answers_no_ping_is_cut_off(edge: Edge, monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    monkeypatch.setattr("web.socket.HEARTBEAT_SECONDS", 0.2)  # 20 s, and 10 more for the pong, is long for a test
    socket = await edge.connect(autoping=False)
    received = [message async for message in socket]
    assert socket.close_code == line.answer
    assert len(received) == 2, "the state, and one ping"
    await until(lambda: edge.meter.closed == {line.answer: 1})


@answers("X33")
async def test_who_never_reads_holds_little_and_is_found_out(
    quiet: Replica, environment: dict[str, str], line: Line
) -> None:
    user = somebody()
    news = f'00000000{user}\t{{"padding":"{"x" * 1000}","number":'  # as another replica would pass it on
    before = await gauges(quiet)
    async with (
        opened(quiet.url, user, receive_bytes=4096) as wire,
        redis.asyncio.Redis.from_url(environment["REDIS_URL"]) as other_replica,
    ):
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a transport that reads as well
        for number in range(400):
            await other_replica.publish(FRAMES_CHANNEL, f"{news}{number}}}")
        await until(lambda: _is_closed_as_slow(quiet, before.closed(4408)))
    taken = (await gauges(quiet))("matching_frames_pushed_total") - before("matching_frames_pushed_total")
    assert 64 * 1024 < taken * 1024 <= MOST_UNREAD_BYTES


async def _is_closed_as_slow(replica: Replica, before: int) -> bool:
    return (await gauges(replica)).closed(4408) == before + 1


@answers("X39")
async def test_a_reset_right_after_the_handshake_leaves_nothing_behind(quiet: Replica, line: Line) -> None:
    before = await gauges(quiet)
    for _ in range(200):
        async with dialled(quiet.url) as wire:
            wire.send(handshake(somebody()))
            assert (await wire.answer()).status == 101
            wire.reset()
    await until(lambda: _is_as_before(quiet, before.sockets, before.descriptors, before.tasks))


@answers("X40")
async def test_ten_thousand_broken_handshakes_leave_no_descriptor_behind(quiet: Replica, line: Line) -> None:
    whole = handshake(somebody())
    user = handshake()  # of nobody: is closed with 4401, if it gets so far
    parts = [whole[:1], whole[:40], whole[:-2], whole[:-1], user, b""]

    async def break_off(numbers: range) -> None:
        for number in numbers:
            async with dialled(quiet.url) as wire:
                wire.send(parts[number % len(parts)])
                if number % 3 == 0:
                    await asyncio.sleep(0)
                wire.reset()

    await break_off(range(100))  # what is made once and kept is made now
    await until(lambda: _is_as_before(quiet, 0, 1000, 1000))
    before = await gauges(quiet)
    share = ABORTS // AT_ONCE
    await asyncio.gather(*(break_off(range(first, first + share)) for first in range(0, ABORTS, share)))
    await until(lambda: _is_as_before(quiet, before.sockets, before.descriptors, before.tasks), seconds=20)


async def _is_as_before(replica: Replica, sockets: int, descriptors: int, tasks: int) -> bool:
    with contextlib.suppress(OSError):
        now = await gauges(replica)
        return (
            now.sockets <= sockets
            and now.descriptors <= descriptors + SPARE_DESCRIPTORS
            and now.tasks <= tasks + SPARE_DESCRIPTORS
        )
    return False
