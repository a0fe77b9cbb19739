"""Exactly these bytes, over a socket of their own; and what came back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from multidict import CIMultiDict

from tests.e2e.client import BASE
from tests.e2e.replica import Replica
from tests.e2e.tokens import token_for

PATIENCE_SECONDS = 20.0
UNKNOWN = "01990000-0000-7000-8000-00000000ffff"
WISH = b'{"difficulty": "easy", "topic": "Hardening"}'
PROBLEM = "application/problem+json"

POSTS: dict[str, dict[str, object]] = {
    f"{BASE}/request": {"difficulty": "easy", "topic": "Hardening"},
    f"{BASE}/confirm": {"match_id": UNKNOWN, "confirmed": True},
    f"{BASE}/sessions/leave": {"session_id": UNKNOWN},
}
"""The endpoints that read a body, and a good one."""

ENDPOINTS = (
    *(("POST", path) for path in POSTS),
    ("GET", f"{BASE}/requests/{UNKNOWN}/status"),
    ("DELETE", f"{BASE}/request/{UNKNOWN}"),
    ("GET", f"{BASE}/{UNKNOWN}/status"),
    ("GET", f"{BASE}/sessions/active"),
    ("GET", f"{BASE}/session/{UNKNOWN}"),
)
"""Every endpoint that wants a token."""

SOCKET = ("GET", f"{BASE}/ws")
HANDSHAKE = (
    "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire."""

    version: str
    status: int
    headers: CIMultiDict[str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def outcome(self) -> tuple[int, str]:
        """The status, and the code of the problem if it is one."""
        return self.status, self.body["code"] if self.headers.get("Content-Type") == PROBLEM and self.raw else ""


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, *, has_body: bool = True, seconds: float = PATIENCE_SECONDS) -> Answer:
        """The next answer."""
        async with asyncio.timeout(seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.rstrip("\r\n").split("\r\n")
            version, status, _ = status_line.split(" ", 2)
            headers = CIMultiDict(_split(line) for line in lines)
            length = int(headers.get("Content-Length", 0)) if has_body else 0
            return Answer(version, int(status), headers, await self.reader.readexactly(length))

    async def end(self, *, seconds: float = PATIENCE_SECONDS) -> bytes:
        """What still comes until the other side hangs up."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


def _split(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


@asynccontextmanager
async def wire(replica: Replica) -> AsyncIterator[Wire]:
    """A new connection to *replica*."""
    address = urlsplit(replica.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=2**20)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def head(
    method: str = "POST",
    path: str = f"{BASE}/request",
    *lines: str,
    user: str | None = "raw",
    version: str = "HTTP/1.1",
) -> bytes:
    """A request's head: *lines* after the usual ones; no ``Authorization`` for no *user*."""
    usual = [f"{method} {path} {version}", "Host: replica"]
    if user is not None:
        usual.append(f"Authorization: Bearer {token_for(user)}")
    return "\r\n".join([*usual, *lines, "", ""]).encode("latin-1")


async def ask(replica: Replica, *pieces: bytes, has_body: bool = True) -> Answer:
    """The answer to exactly these bytes, on a new connection."""
    async with wire(replica) as line:
        await line.send(*pieces)
        return await line.answer(has_body=has_body)


async def post(replica: Replica, body: bytes, *lines: str, path: str = f"{BASE}/request", user: str = "raw") -> Answer:
    """The answer to *body*."""
    return await ask(replica, head("POST", path, f"Content-Length: {len(body)}", *lines, user=user) + body)


def expect_problem(answer: Answer, status: int, *codes: str) -> None:
    """That it is a problem as all of ours are, of one of *codes* if any are given."""
    assert (answer.status, answer.version) == (status, answer.version), answer
    assert answer.headers["Content-Type"] == PROBLEM, answer
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in answer.headers
    body = answer.body
    assert {"type", "title", "status", "detail", "code", "instance", "request_id"} <= body.keys()
    assert body["status"] == status
    if codes:
        assert body["code"] in codes, body
    for name, statuses in _DUE.items():
        assert (name in answer.headers) or status not in statuses, (name, answer)


_DUE: dict[str, Iterable[int]] = {"WWW-Authenticate": (401,), "Allow": (405,), "Retry-After": (429, 503)}
