"""A WebSocket client that costs little, so that the generator leaves the cores to what it measures."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket as stdlib
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
IP_BIND_ADDRESS_NO_PORT: Final = 24
"""In ``linux/in.h``; Python knows it from 3.12 on."""
_MASKED: Final = 0x80
_MASK: Final = bytes(4)
"""All zero: frames of a client must be masked, and this one needs no work."""
_TWO_BYTES, _EIGHT_BYTES = 126, 127


class Refused(Exception):
    """The handshake was answered with another status; *retry_after* says in how many seconds to come back."""

    def __init__(self, status: str, retry_after: float = 0.0) -> None:
        super().__init__(status)
        self.retry_after = retry_after


class Socket(asyncio.Protocol):
    """Calls *on_text* with every text frame, *on_end* once with the close code (1006 without one)."""

    __slots__ = ("_is_over", "_on_end", "_on_text", "_opened", "_request", "_transport", "_unread")

    def __init__(self, request: bytes, on_text: Callable[[bytes], None], on_end: Callable[[int], None]) -> None:
        self._request = request
        self._on_text = on_text
        self._on_end = on_end
        self._opened: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        self._transport: asyncio.WriteTransport | None = None
        self._unread = b""
        self._is_over = False

    async def opened(self) -> None:
        """Returns after the handshake.  Raises :class:`Refused`."""
        if self._opened is not None:
            await self._opened

    def close(self) -> None:
        """Say goodbye and hang up."""
        if self._opened is None and self._transport is not None and not self._transport.is_closing():
            self._transport.write(_frame(_CLOSE, b"\x03\xe8"))  # uvloop minds writes after the end
        self.drop()

    def drop(self) -> None:
        """Hang up without a word, as a lost network does."""
        self._is_over = True
        if self._transport is not None:
            self._transport.close()

    # -- what the loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are none by class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take frames out of what has arrived."""
        self._unread += data
        if self._opened is not None and not self._take_handshake(self._opened):
            return
        while self._take_frame():
            pass

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still cares."""
        self._end(1006, str(exc or "closed"))

    # -- reading ---------------------------------------------------------------------------------

    def _take_handshake(self, opened: asyncio.Future[None]) -> bool:
        head, end, rest = self._unread.partition(b"\r\n\r\n")
        if not end or opened.done():
            return False
        status = head.split(b" ", 2)[1].decode()
        if status != "101":
            opened.set_exception(Refused(status, _retry_after(head)))
            return False
        self._unread, self._opened = rest, None
        opened.set_result(None)
        return True

    def _take_frame(self) -> bool:
        data = self._unread
        if len(data) < 2:
            return False
        size, start = data[1], 2
        if size == _TWO_BYTES:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == _EIGHT_BYTES:
            size, start = int.from_bytes(data[2:10], "big"), 10
        if len(data) < start + size:
            return False
        self._unread = data[start + size :]
        self._handle(data[0], data[start : start + size])
        return True

    def _handle(self, kind: int, payload: bytes) -> None:
        if self._is_over:
            return
        if kind == _TEXT:
            self._on_text(payload)
        elif kind == _PING and self._transport is not None:
            self._transport.write(_frame(_PONG, payload))
        elif kind == _CLOSE:
            self._end(int.from_bytes(payload[:2], "big") or 1005, "closed")

    def _end(self, code: int, why: str) -> None:
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(Refused(why))
        if not self._is_over:
            self._is_over = True
            self._on_end(code)
        if self._transport is not None:
            self._transport.close()


async def connect(
    url: str, on_text: Callable[[bytes], None], on_end: Callable[[int], None], source: str | None = None
) -> Socket:
    """An open socket at the ``http://`` *url*, token and all, from the address *source*.

    Raises :class:`Refused`, ``OSError``.
    """
    parts = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    host, port = parts.hostname or "", parts.port or 80

    def make() -> Socket:
        return Socket(request, on_text, on_end)

    if source is None:
        _, socket = await loop.create_connection(make, host, port)
    else:
        _, socket = await loop.create_connection(make, sock=await _connected(source, host, port))
    try:
        await socket.opened()
    except BaseException:
        socket.close()
        raise
    return socket


async def _connected(source: str, host: str, port: int) -> stdlib.socket:
    """A line from *source*, of which the port is chosen late.

    Chosen before it is known where the line goes, a port must be free of all others, also of those closed within the
    last minute: with 20,000 of these the search for one took longer than all else here.
    """
    line = stdlib.socket()
    line.setblocking(False)
    try:
        line.setsockopt(stdlib.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        line.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(line, (host, port))
    except BaseException:
        line.close()
        raise
    return line


def _retry_after(head: bytes) -> float:
    found = re.search(rb"\r\nretry-after: *(\d+)", head, re.IGNORECASE)
    return float(found[1]) if found else 0.0


def _frame(kind: int, payload: bytes) -> bytes:
    """A short frame, as a client must send it."""
    return bytes((kind, _MASKED | len(payload))) + _MASK + payload
