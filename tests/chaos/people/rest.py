"""An HTTP client that costs little, so that the crowd leaves the cores to what it tries out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER: Final = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
_LAST: Final = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Cut(Exception):
    """No answer: the connection was refused or lost, or what came over it was none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    head: bytes
    body: bytes

    @property
    def status(self) -> int:
        return int(self.head[9:12])

    @property
    def retry_after(self) -> int:
        """Seconds; 0 when nothing is said."""
        found = _RETRY_AFTER.search(self.head)
        return int(found[1]) if found else 0


class Line(asyncio.Protocol):
    """A connection that is kept: a question, its answer, the next question."""

    __slots__ = ("_answer", "_transport", "_unread", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.WriteTransport | None = None
        self._answer: asyncio.Future[Reply] | None = None
        self._unread = b""

    async def ask(self, request: bytes) -> Reply:
        """The answer to *request*.  Raises :class:`Cut`."""
        if self._transport is None or self._transport.is_closing():
            raise Cut("closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def hang_up(self) -> None:
        """Nothing more is sent or read."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # -- what the loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From now on there may be questions."""
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are none by class
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Take an answer out of what has arrived."""
        self._unread += data
        head, end, body = self._unread.partition(b"\r\n\r\n")
        if not end:
            return
        length = _LENGTH.search(head)
        if length is None or not head[9:12].isdigit() or self._answer is None or self._answer.done():
            self._end("not an answer")
        elif len(body) >= int(length[1]):
            self._unread = b""
            self.is_open = _LAST.search(head) is None
            self._answer.set_result(Reply(head, body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._end(str(exc or "closed"))

    def _end(self, why: str) -> None:
        self.hang_up()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Cut(why))


class Pool:
    """The lines to one replica, opened as they are needed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._idle: list[Line] = []

    async def ask(self, request: bytes) -> Reply:
        """The answer to *request*.  Raises :class:`Cut`."""
        line = self._take() or await self._open()
        try:
            reply = await line.ask(request)
        except BaseException:  # given up: what comes late must not answer the next question
            line.hang_up()
            raise
        if line.is_open:
            self._idle.append(line)
        else:
            line.hang_up()
        return reply

    def close(self) -> None:
        """Hang up whatever is idle."""
        while (line := self._take()) is not None:
            line.hang_up()

    def _take(self) -> Line | None:
        with contextlib.suppress(IndexError):
            while True:
                line = self._idle.pop()
                if line.is_open:
                    return line
        return None

    async def _open(self) -> Line:
        try:
            _, line = await asyncio.get_running_loop().create_connection(Line, self._host, self._port)
        except OSError as error:
            raise Cut(str(error)) from None
        return line
