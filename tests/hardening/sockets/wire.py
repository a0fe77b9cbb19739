"""A WebSocket client that sends any bytes, and reads what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.e2e.client import BASE
from tests.e2e.tokens import token_for
from tests.e2e.waiting import PATIENCE_SECONDS

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
ABNORMAL: Final = 1006
JSON_PING: Final = b'{"type":"ping"}'
PROBLEM: Final = "application/problem+json"

_HEADERS: Final[Mapping[str, str | None]] = {
    "Host": "matching",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
    declared: int | None = None,
) -> bytes:
    """A frame as a client sends it; *declared* lies about the length, no *mask* breaks the protocol."""
    length = len(payload) if declared is None else declared
    masked = 0x80 if mask else 0
    head = bytes([final << 7 | reserved << 4 | opcode])
    if length < 126:
        head += bytes([masked | length])
    elif length < 1 << 16:
        head += bytes([masked | 126]) + length.to_bytes(2)
    else:
        head += bytes([masked | 127]) + length.to_bytes(8)
    if not mask:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def pieces(*payloads: bytes) -> bytes:
    """One text message in several frames."""
    last = len(payloads) - 1
    return b"".join(
        frame(CONTINUATION if index else TEXT, payload, final=index == last) for index, payload in enumerate(payloads)
    )


def farewell(code: int) -> bytes:
    return frame(CLOSE, code.to_bytes(2))


def handshake(
    user: str = "",
    *,
    method: str = "GET",
    query: str | None = None,
    headers: Mapping[str, str | None] | None = None,
    body: bytes = b"",
) -> bytes:
    """A handshake of *user*, with whatever is changed; a header given as None is left out."""
    if query is None:
        query = f"token={token_for(user)}" if user else ""
    given = {name: value for name, value in {**_HEADERS, **(headers or {})}.items() if value is not None}
    lines = [f"{method} {BASE}/ws?{query} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handshake was answered."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """A frame from the server."""

    opcode: int
    payload: bytes


class Wire:
    """A connection; everything that is awaited comes within ten seconds or the test fails."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def answer(self) -> Answer:
        """Status and headers of the next HTTP answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(int(first.split()[1]), headers)

    async def frame(self) -> Received:
        """The next frame."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2))
            return Received(first & 0xF, await self.reader.readexactly(length))

    async def closed(self) -> int:
        """The close code, whatever comes before it; 1006 when the line is just cut."""
        try:
            while (received := await self.frame()).opcode != CLOSE:
                pass
            with contextlib.suppress(ConnectionError):
                self.send(frame(CLOSE, received.payload[:2]))
            return int.from_bytes(received.payload[:2])
        except (asyncio.IncompleteReadError, ConnectionError):
            return ABNORMAL

    async def is_served(self) -> None:
        """Returns once a ping in JSON is answered; fails where the socket is closed instead."""
        self.send(frame(TEXT, JSON_PING))
        while (received := await self.frame()).payload != b'{"type":"pong"}':
            assert received.opcode != CLOSE, received

    async def gone(self) -> None:
        """Returns once the server has hung up."""
        with contextlib.suppress(ConnectionError):
            while await asyncio.wait_for(self.reader.read(1 << 16), PATIENCE_SECONDS):
                pass

    def reset(self) -> None:
        """Cut the line so that the other side gets a reset."""
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def dialled(url: str, *, source: str = "127.0.0.1", receive_bytes: int | None = None) -> AsyncIterator[Wire]:
    """A connection to the server at *url*, nothing said yet; *receive_bytes* narrows what the kernel takes for us."""
    host, _, port = url.removeprefix("http://").partition(":")
    plug = socket.socket()
    plug.setblocking(False)
    if receive_bytes:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    # A reset instead of a farewell when it is aborted; and no port is left waiting.
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    plug.bind((source, 0))
    await asyncio.get_running_loop().sock_connect(plug, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=plug, limit=receive_bytes or 1 << 16)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def opened(
    url: str,
    user: str,
    *,
    source: str = "127.0.0.1",
    headers: Mapping[str, str | None] | None = None,
    receive_bytes: int | None = None,
) -> AsyncIterator[Wire]:
    """A socket of *user*, the first frame read."""
    async with dialled(url, source=source, receive_bytes=receive_bytes) as wire:
        wire.send(handshake(user, headers=headers))
        answer = await wire.answer()
        assert answer.status == 101, answer
        first = await wire.frame()
        assert first.payload.startswith(b'{"type":"state"'), first
        yield wire


def somebody() -> str:
    """A user whom no other test knows."""
    return f"user-{os.urandom(6).hex()}"
