"""What passes the gate before a socket, and that the library still needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.hardening.sockets.wire import BINARY, CLOSE, PING, PONG, TEXT, farewell, frame, pieces
from web.connection import CloseCode
from web.gate import MOST_PIECES, Frames

SOUND = [
    frame(TEXT, b"{}"), frame(TEXT, b""), frame(BINARY, b"x" * 125), frame(TEXT, b"x" * 126), frame(TEXT, b"x" * 1000),
    b"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05mask12345", frame(PING, b"?"), frame(PONG), pieces(b"{", b"}"),
    pieces(*[b""] * MOST_PIECES), farewell(1000), frame(CLOSE), frame(CLOSE, b"\x03"),
    frame(0xF, b"the library's own business", reserved=7),
]  # fmt: skip
OFFENCES = {
    frame(TEXT, b"{}", mask=None): CloseCode.PROTOCOL_ERROR,
    frame(TEXT, b"x" * 200, mask=None): CloseCode.PROTOCOL_ERROR,
    frame(CLOSE, b"\x03\xe8", mask=None): CloseCode.PROTOCOL_ERROR,
    frame(TEXT, final=False) + frame(TEXT): CloseCode.PROTOCOL_ERROR,
    frame(TEXT, final=False) + frame(PING) + frame(BINARY): CloseCode.PROTOCOL_ERROR,
    farewell(1006): CloseCode.PROTOCOL_ERROR,
    pieces(*[b""] * (MOST_PIECES + 2)): CloseCode.POLICY,
}

portions = some.lists(some.integers(1, 9), min_size=1, max_size=6)


def passed(data: bytes, sizes: Sequence[int]) -> tuple[bytes, CloseCode | None]:
    """What passes of *data* when it comes in portions of these sizes, over and over, and how it ends."""
    frames, through, at, turn = Frames(), b"", 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        sound, code = frames.sound(data[at : at + size])
        through += sound
        if code is not None:
            return through, code
        at, turn = at + size, turn + 1
    return through, None


@settings(deadline=None)  # one byte at a time takes a while on a busy machine
@given(some.lists(some.integers(0, len(SOUND) - 1), max_size=4), portions)
def test_sound_frames_pass_in_whatever_portions_they_come(sent: list[int], sizes: list[int]) -> None:
    data = b"".join(SOUND[index] for index in sent)
    assert passed(data, sizes) == passed(data, [len(data) + 1]) == (data, None)


@settings(deadline=None)  # one byte at a time takes a while on a busy machine
@given(some.lists(some.integers(0, len(SOUND) - 1), max_size=3), some.sampled_from(list(OFFENCES)), portions)
def test_nothing_passes_from_an_offence_on(sent: list[int], offence: bytes, sizes: list[int]) -> None:
    before = b"".join(SOUND[index] for index in sent)
    through, code = passed(before + offence + frame(TEXT), sizes)
    assert code == OFFENCES[offence]
    assert (before + offence).startswith(through)
    assert through.startswith(before)
    assert (through, code) == passed(before + offence, [len(before + offence)])


@settings(deadline=None)  # one byte at a time takes a while on a busy machine
@given(some.binary(max_size=300), portions)
def test_the_portions_of_noise_do_not_matter(noise: bytes, sizes: list[int]) -> None:
    assert passed(noise, sizes) == passed(noise, [len(noise) + 1])


@pytest.mark.parametrize("offence", OFFENCES, ids=range(len(OFFENCES)))
def test_the_library_alone_takes_every_offence(offence: bytes) -> None:
    """Once this fails the library looks itself: that much of the gate can go."""
    loop = asyncio.new_event_loop()
    queue = WebSocketDataQueue(BaseProtocol(loop), 1 << 18, loop=loop)
    reader = WebSocketReader(queue, 4096, compress=False, decode_text=True)
    assert reader.feed_data(offence) == (False, b"")
    assert queue.exception() is None
    loop.close()
