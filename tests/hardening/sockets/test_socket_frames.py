"""X15 to X26, X34: frames, whatever is in them."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.replica import Replica
from tests.hardening.sockets.lines import Line, answers
from tests.hardening.sockets.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    JSON_PING,
    PING,
    TEXT,
    farewell,
    frame,
    opened,
    pieces,
    somebody,
)  # fmt: skip


async def closes(replica: Replica, line: Line, *parts: bytes) -> None:
    """Sending *parts* at once closes a socket with the line's code."""
    async with opened(replica.url, somebody()) as wire:
        wire.send(*parts)
        assert await wire.closed() == line.answer
        await wire.gone()


@answers("X15")
@pytest.mark.parametrize("size", [4096, 4097, 70_000])
async def test_text_of_4_kib_or_more_is_too_big(quiet: Replica, line: Line, size: int) -> None:
    await closes(quiet, line, frame(TEXT, b" " * size))


async def test_text_below_4_kib_is_read(quiet: Replica) -> None:
    async with opened(quiet.url, somebody()) as wire:
        wire.send(frame(TEXT, JSON_PING + b" " * (4095 - len(JSON_PING))))
        assert (await wire.frame()).payload == b'{"type":"pong"}'


@answers("X16")
@pytest.mark.parametrize("declared", [1 << 13, 1 << 30, (1 << 31) - 1, 1 << 31, 1 << 62, (1 << 63) - 1, (1 << 64) - 1])
async def test_a_huge_length_is_refused_as_soon_as_it_is_declared(quiet: Replica, line: Line, declared: int) -> None:
    await closes(quiet, line, frame(TEXT, b"", declared=declared))


@answers("X17")
async def test_pieces_that_sum_up_to_too_much_are_too_big(quiet: Replica, line: Line) -> None:
    await closes(quiet, line, pieces(*[b" " * 1000] * 5))


@answers("X18")
@pytest.mark.parametrize("payload", [b"", b" "])
async def test_a_message_in_countless_pieces_is_a_flood(quiet: Replica, line: Line, payload: bytes) -> None:
    await closes(quiet, line, pieces(*[payload] * 1000))


async def test_a_message_in_some_pieces_is_read_with_pings_between_them(quiet: Replica) -> None:
    async with opened(quiet.url, somebody()) as wire:
        for index, byte in enumerate(JSON_PING):
            wire.send(frame(CONTINUATION if index else TEXT, bytes([byte]), final=index == len(JSON_PING) - 1))
            if index == 7:
                wire.send(frame(PING, b"?"))
        assert [(await wire.frame()).payload for _ in range(2)] == [b"?", b'{"type":"pong"}']


@answers("X19")
async def test_a_frame_in_segments_of_one_byte_is_read(quiet: Replica, line: Line) -> None:
    async with opened(quiet.url, somebody()) as wire:
        for byte in frame(TEXT, JSON_PING + b" " * 300):
            wire.send(bytes([byte]))
            await wire.writer.drain()
            await asyncio.sleep(0)
        assert (await wire.frame()).payload == b'{"type":"pong"}'


@answers("X20")
@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, JSON_PING, mask=None),
        frame(PING, mask=None),
        frame(CLOSE, b"\x03\xe8", mask=None),
        frame(TEXT, JSON_PING) + frame(TEXT, JSON_PING, mask=None),
        frame(TEXT, b"{", final=False) + frame(CONTINUATION, b"}", mask=None),
        frame(TEXT, b" " * 300, mask=None),
    ],
    ids=["text", "ping", "close", "second", "piece", "long"],
)
async def test_an_unmasked_frame_breaks_the_protocol(quiet: Replica, line: Line, sent: bytes) -> None:
    await closes(quiet, line, sent)


@answers("X20")
async def test_an_unmasked_frame_is_found_in_segments_of_one_byte(quiet: Replica, line: Line) -> None:
    async with opened(quiet.url, somebody()) as wire:
        for byte in frame(TEXT, b" " * 200) + frame(TEXT, b" " * 200, mask=None):
            wire.send(bytes([byte]))
            await wire.writer.drain()
            await asyncio.sleep(0)
        assert await wire.closed() == line.answer


async def test_what_comes_before_an_unmasked_frame_is_still_answered_with_the_close(quiet: Replica) -> None:
    async with opened(quiet.url, somebody()) as wire:
        await wire.is_served()
        wire.send(frame(TEXT, JSON_PING, mask=None))
        closing = await wire.frame()
        assert (closing.opcode, closing.payload) == (CLOSE, b"\x03\xeaprotocol_error")


@answers("X21")
@pytest.mark.parametrize("text", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xc0\xaf", b'{"a":"\xf4\x90\x80\x80"}'])
async def test_text_is_utf_8(quiet: Replica, line: Line, text: bytes) -> None:
    await closes(quiet, line, frame(TEXT, text))


@answers("X22")
@pytest.mark.parametrize("reserved", [0b100, 0b010, 0b001, 0b111])
async def test_reserved_bits_mean_nothing_here(quiet: Replica, line: Line, reserved: int) -> None:
    await closes(quiet, line, frame(TEXT, b"{}", reserved=reserved))


@answers("X23")
@pytest.mark.parametrize("opcode", [*range(0x3, 0x8), *range(0xB, 0x10)])
async def test_reserved_opcodes_mean_nothing_here(quiet: Replica, line: Line, opcode: int) -> None:
    await closes(quiet, line, frame(opcode, b"{}"))


@answers("X24")
@pytest.mark.parametrize(
    "sent",
    [
        frame(CONTINUATION, b"{}"),
        frame(CONTINUATION, b"", final=False),
        pieces(b"{", b"}") + frame(CONTINUATION, b""),
        frame(TEXT, b"", final=False) + frame(TEXT, b"{}"),
        frame(TEXT, b"{", final=False) + frame(TEXT, b"{}"),
        frame(TEXT, b"", final=False) + frame(BINARY, b"", final=False),
    ],
    ids=["whole", "begun", "second", "within empty", "within", "begun within"],
)
async def test_messages_follow_each_other(quiet: Replica, line: Line, sent: bytes) -> None:
    await closes(quiet, line, sent)


@answers("X25")
@pytest.mark.parametrize(
    "sent", [frame(PING, final=False), frame(PING, b"x" * 126), frame(CLOSE, b"\x03\xe8" + b"x" * 124)]
)
async def test_a_control_frame_is_short_and_whole(quiet: Replica, line: Line, sent: bytes) -> None:
    await closes(quiet, line, sent)


@answers("X26")
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999])
async def test_a_close_frame_has_a_possible_code(quiet: Replica, line: Line, code: int) -> None:
    await closes(quiet, line, farewell(code))


@answers("X26")
async def test_a_close_frame_has_a_whole_code(quiet: Replica, line: Line) -> None:
    await closes(quiet, line, frame(CLOSE, b"\x03"))


@answers("X34")
@pytest.mark.parametrize(
    "behind", [frame(TEXT, JSON_PING), frame(TEXT, JSON_PING, mask=None), b"\xff" * 1000, frame(PING) * 100]
)
async def test_what_comes_behind_a_close_frame_is_ignored(quiet: Replica, line: Line, behind: bytes) -> None:
    async with opened(quiet.url, somebody()) as wire:
        wire.send(farewell(1000), behind)
        closing = await wire.frame()
        assert (closing.opcode, int.from_bytes(closing.payload[:2])) == (CLOSE, line.answer)
        await wire.gone()
