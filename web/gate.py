"""What a WebSocket client may put on the wire, where the library's reader is more patient than RFC 6455.

aiohttp takes unmasked frames (section 5.1: a server must close), a message that begins inside another one if that
has only empty pieces so far, messages in any number of empty pieces, and a farewell with code 1006 (section 7.4.1:
never sent).  Its reader cannot be given a check, so a protocol of our own stands between it and the transport, and
walks over the headers of the frames that pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

from aiohttp import web

from web.connection import CloseCode
from web.errors import Malformed

MOST_PIECES: Final = 64
"""Of one message: browsers send messages as small as ours in one."""

WAKE_UP: Final = b"\x8a\x80\x00\x00\x00\x00"
"""An empty pong, masked: something to read, for whoever waits to read."""

_FIN, _OPCODE, _FIRST_CONTROL = 0x80, 0x0F, 0x08
_MASKED, _LENGTH = 0x80, 0x7F
_MASK_BYTES = 4
_CLOSE, _NEVER_SENT = 0x08, 1006
_WITH_CODE = 2 + _MASK_BYTES + 2
_EXTENDED = {126: 2, 127: 8}


class Frames:
    """Follows the frames in what one client sends, in whatever portions it comes."""

    __slots__ = ("_ahead", "_begun", "_pieces")

    def __init__(self) -> None:
        self._ahead = 0  # bytes of the current frame that are still to come
        self._begun = b""  # a header of which the rest is still to come
        self._pieces = 0  # of a message that has not ended

    def sound(self, data: bytes) -> tuple[bytes, CloseCode | None]:
        """What of *data*, the next that the client sent, may pass now, and why the client has to go after that.

        A header passes whole: whatever reads behind us is never left in the midst of one.
        """
        if self._begun:
            data, self._begun = self._begun + data, b""
        at, end = self._ahead, len(data)
        while at < end:
            length = _length(data, at, end)
            if length is None:
                self._ahead, self._begun = 0, data[at:]
                return data[:at], None
            if code := self._judge(data, at, length):
                return data[:at], code
            at += length
        self._ahead = at - end
        return data, None

    def _judge(self, data: bytes, at: int, length: int) -> CloseCode | None:
        """The frame of which the header is at *at*."""
        if not data[at + 1] & _MASKED:
            return CloseCode.PROTOCOL_ERROR
        first = data[at]
        opcode = first & _OPCODE
        if opcode >= _FIRST_CONTROL:
            is_odd = opcode == _CLOSE and length >= _WITH_CODE and _code(data, at) == _NEVER_SENT
            return CloseCode.PROTOCOL_ERROR if is_odd else None
        if opcode and self._pieces:
            return CloseCode.PROTOCOL_ERROR  # begins a message before the last one has ended
        self._pieces = 0 if first & _FIN else self._pieces + 1
        return CloseCode.POLICY if self._pieces > MOST_PIECES else None


def _length(data: bytes, at: int, end: int) -> int | None:
    """How long the frame at *at* is, header and mask included; None while too little of it is there to judge it."""
    there = end - at
    if there < 2:  # noqa: PLR2004 - the two bytes that every header has
        return None
    length = data[at + 1] & _LENGTH
    extended = _EXTENDED.get(length, 0)
    if there < 2 + extended:
        return None
    if extended:
        length = int.from_bytes(data[at + 2 : at + 2 + extended])
    length += 2 + extended + _MASK_BYTES
    if data[at] & _OPCODE == _CLOSE and data[at + 1] & _MASKED and there < min(length, _WITH_CODE):
        return None
    return length


def _code(data: bytes, at: int) -> int:
    """The code of a whole farewell with a mask."""
    return (data[at + 6] ^ data[at + 2]) << 8 | data[at + 7] ^ data[at + 3]


class Gate(asyncio.Protocol):
    """Stands before the library's protocol; after an offence nothing passes any more but a farewell."""

    def __init__(self, behind: asyncio.Protocol) -> None:
        self.offence: CloseCode | None = None
        self._behind = behind
        self._frames = Frames()

    def data_received(self, data: bytes) -> None:
        if self.offence is not None:
            if data[0] == _FIN | _CLOSE:  # the answer to ours: nobody need wait any longer
                self._behind.data_received(data)
            return
        sound, self.offence = self._frames.sound(data)
        if self.offence is not None:
            sound += WAKE_UP
        if sound:
            self._behind.data_received(sound)

    def eof_received(self) -> bool | None:
        return self._behind.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)

    def pause_writing(self) -> None:
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._behind.resume_writing()


@contextmanager
def gate(request: web.Request) -> Iterator[Gate]:
    """A gate before the socket that *request* opens.  Raises ``Malformed`` when frames came before it could stand."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    if request.protocol._message_tail:  # noqa: SLF001 - what came behind the handshake; nothing public tells
        raise Malformed("Frames come after the answer to the handshake.")
    behind = cast("asyncio.Protocol", transport.get_protocol())
    standing = Gate(behind)
    transport.set_protocol(standing)
    try:
        yield standing
    finally:
        transport.set_protocol(behind)
