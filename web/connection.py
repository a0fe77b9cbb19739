"""One socket's outbox."""

from __future__ import annotations

import asyncio
import socket as sockets
from enum import IntEnum
from typing import Final, Protocol

from aiohttp import WSMsgType, web

from domain.ids import UserId

MOST_FRAMES: Final = 64
MOST_BYTES: Final = 64 * 1024
"""What may wait for one reader here; as much again may wait in transport and kernel together."""

TRANSPORT_BYTES: Final = 16 * 1024
KERNEL_BYTES: Final = 16 * 1024
"""The kernel doubles this for its own bookkeeping; left alone it would take 4 MiB."""

TEXT: Final = 0x81
"""A whole message, and it is text."""
EXTENDED: Final = 126
"""Longer than what the second byte says by itself: two more say it."""

REMEMBERED_FRAMES: Final = 8
CLOSING_SECONDS: Final = 2
"""How long a peer may take to receive our goodbye before the line is cut."""


class CloseCode(IntEnum):
    """Why a socket is closed; see the protocol page for which of these are final."""

    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    POLICY = 1008
    INTERNAL_ERROR = 1011
    RESTART = 1012
    UNAUTHORIZED = 4401
    FORBIDDEN_ORIGIN = 4403
    TOO_SLOW = 4408
    REPLACED = 4409
    FLOOD = 4429


def narrow(line: asyncio.Transport | None) -> None:
    """Let no more than so much wait on *line*, so that whoever does not read is found out."""
    if line is not None:
        line.set_write_buffer_limits(high=TRANSPORT_BYTES)
        line.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, KERNEL_BYTES)


class Line(Protocol):
    """The part of a transport that is used here."""

    def abort(self) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def is_closing(self) -> bool: ...

    def write(self, data: bytes, /) -> None: ...


def framed(text: bytes) -> bytes:
    """A whole, unmasked text frame of less than 64 KiB: RFC 6455, section 5.2."""
    size = len(text)
    head = bytes((TEXT, size)) if size < EXTENDED else bytes((TEXT, EXTENDED, size >> 8, size & 0xFF))
    return head + text


class Connection:
    """A verified user's socket: pushing never waits, whoever reads too slowly goes.

    ::

        HELD --introduce, open--> OPEN --close--> CLOSING
          '-----------------------close--------------^

    While held, pushes wait behind the first frame, and a farewell for somebody who can hear it.
    """

    __slots__ = (
        "_bytes", "_closer", "_farewell", "_heard", "_is_introduced", "_is_open", "_line", "_outbox", "_socket",
        "_writer", "closed_with", "user_id",
    )  # fmt: skip

    def __init__(self, user_id: UserId, socket: web.WebSocketResponse, line: Line | None) -> None:
        self.user_id = user_id
        self.closed_with: CloseCode | None = None
        self._socket = socket
        self._line = line
        self._outbox: list[bytes] = []
        self._bytes = 0
        self._is_introduced = False
        self._is_open = False
        self._farewell = b""
        self._heard: tuple[bytes, ...] = ()
        self._writer: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None

    @property
    def is_closing(self) -> bool:
        return self.closed_with is not None

    def open(self) -> None:
        """The handshake has been answered: what waits goes out, if it is there already in one piece with the answer."""
        self._is_open = True
        if self.closed_with is not None:
            self._closer = asyncio.create_task(self._close(self.closed_with))
        else:
            self._start_writing()

    def introduce(self, frame: bytes) -> None:
        """Send *frame* before everything that was pushed so far, and let the rest flow."""
        self._is_introduced = True
        self._outbox.insert(0, frame)
        self._bytes += len(frame)
        self._start_writing()

    def push(self, frame: bytes) -> bool:
        """Put news into the outbox; whether it went in.

        News that was pushed already is dropped: after a crash the same may be announced twice, and no two
        events look the same.
        """
        if frame in self._heard:
            return False
        self._heard = (*self._heard[1 - REMEMBERED_FRAMES :], frame)
        return self.reply(frame)

    def reply(self, frame: bytes) -> bool:
        """Put *frame* into the outbox, even when it was there before; whether it went in."""
        if self.closed_with is not None:
            return False
        if len(self._outbox) >= MOST_FRAMES or self._bytes + len(frame) >= MOST_BYTES:
            self.close(CloseCode.TOO_SLOW, "reads too slowly")
            return False
        self._outbox.append(frame)
        self._bytes += len(frame)
        self._start_writing()
        return True

    def _start_writing(self) -> None:
        """Onto the line at once where it is free: a task for every frame cost a third of sending it."""
        if not (self._is_introduced and self._is_open) or self._writer is not None or self.closed_with is not None:
            return
        line = self._line
        while self._outbox and line is not None and self._is_free(line):
            line.write(framed(self._taken()))
        if self._outbox:
            self._writer = asyncio.create_task(self._write())

    def _is_free(self, line: Line) -> bool:
        return not (line.get_write_buffer_size() >= TRANSPORT_BYTES or line.is_closing() or self._socket.closed)

    def _taken(self) -> bytes:
        frame = self._outbox.pop(0)
        self._bytes -= len(frame)
        return frame

    async def _write(self) -> None:
        try:
            while self._outbox:
                await self._socket.send_frame(self._taken(), WSMsgType.TEXT)
        except ConnectionError:
            self._outbox.clear()  # the reader notices as well, and cleans up
        finally:
            self._writer = None

    def close(self, code: CloseCode, reason: str) -> None:
        """Say goodbye, once, and hang up; never waits."""
        if self.closed_with is not None:
            return
        self.closed_with, self._farewell = code, reason.encode()
        self._outbox.clear()
        if self._is_open:
            self._closer = asyncio.create_task(self._close(code))

    async def _close(self, code: CloseCode) -> None:
        if self._line is not None:  # cut even if the goodbye is never read
            asyncio.get_running_loop().call_later(CLOSING_SECONDS, self._line.abort)
        await self._socket.close(code=code, message=self._farewell, drain=False)

    async def finish(self) -> None:
        """Leave nothing behind; returns when the socket is closed."""
        if self._writer is not None:
            self._writer.cancel()
        if self._closer is not None:
            await asyncio.wait([self._closer])
