"""One kept-alive connection and nothing else: what can be timed."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from time import perf_counter_ns
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.access.doors import Door


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it came, without the date."""

    head: tuple[bytes, ...]
    """Status line and headers."""
    body: bytes
    nanoseconds: int

    @property
    def status(self) -> int:
        return int(self.head[0].split(b" ")[1])

    @property
    def all(self) -> tuple[tuple[bytes, ...], bytes]:
        """Every byte."""
        return self.head, self.body


class Line:
    """Asks one thing after the other over one connection."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._reader = asyncio.StreamReader()
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        host, _, port = self._host.partition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
            await self._writer.wait_closed()

    async def ask(self, door: Door, one: str, token: str | None) -> Heard:
        """The answer to somebody with this token who asks for *one*; always under the same correlation id."""
        assert self._writer is not None
        content = door.body(one)
        presented = f"Authorization: Bearer {token}\r\n" if token is not None else ""
        text = (
            f"{door.method} {door.target(one)} HTTP/1.1\r\nHost: {self._host}\r\n{presented}"
            f"X-Request-ID: the-same-for-all\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        began = perf_counter_ns()
        self._writer.write(text.encode() + content)
        head = await self._reader.readuntil(b"\r\n\r\n")
        has_body = door.method != "HEAD"
        length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        body = await self._reader.readexactly(int(length[1])) if length and has_body else b""
        took = perf_counter_ns() - began
        return Heard(tuple(line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")), body, took)
