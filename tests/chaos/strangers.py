"""Users who are no part of the crowd: they only take up room, and do it badly."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from tests.e2e.client import BASE
from tests.e2e.tokens import token_for
from tests.load import sockets

TABS: Final = 4
"""Sockets of one of them: fewer than the most that a user may have."""
SMALL_BUFFER_BYTES: Final = 4096
AT_ONCE: Final = 50
"""Handshakes of the deaf side by side."""
RETRY_SECONDS: Final = 0.5
HANDSHAKE_SECONDS: Final = 10.0

_numbers = count(1)


def names(how_many: int) -> list[str]:
    """New strangers."""
    return [f"stranger-{next(_numbers)}" for _ in range(how_many)]


def path_of(user_id: str) -> str:
    """Where a stranger's socket is opened."""
    return f"{BASE}/ws?token={token_for(user_id)}"


@contextlib.asynccontextmanager
async def deaf(url: str, user_ids: Sequence[str]) -> AsyncIterator[None]:
    """Sockets at *url* that take next to nothing from the network, and never read."""
    opened: list[socket.socket] = []
    room = asyncio.Semaphore(AT_ONCE)

    async def arrive(user_id: str) -> None:
        async with room:
            with contextlib.suppress(OSError, TimeoutError):
                opened.append(await _open_deaf(url, user_id))

    try:
        await asyncio.gather(*(arrive(user_id) for user_id in user_ids))
        yield
    finally:
        for one in opened:
            one.close()


async def _open_deaf(url: str, user_id: str) -> socket.socket:
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    one.setblocking(False)
    request = (
        f"GET {path_of(user_id)} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await loop.sock_connect(one, (parts.hostname, parts.port))
            await loop.sock_sendall(one, request)
            await loop.sock_recv(one, 1)
    except BaseException:
        one.close()
        raise
    return one


@contextlib.asynccontextmanager
async def storming(urls: Sequence[str], user_ids: Sequence[str], chance: random.Random) -> AsyncIterator[float]:
    """All of them at the door within a second, each trying until it is in; how many seconds the last one took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    opened: list[sockets.Socket] = []

    async def arrive(path: str, after: float) -> None:
        await asyncio.sleep(after)
        while True:
            with contextlib.suppress(sockets.Refused, OSError, TimeoutError):
                async with asyncio.timeout(HANDSHAKE_SECONDS):
                    opened.append(await sockets.connect(chance.choice(urls) + path, _ignore, _ignore))
                    return
            await asyncio.sleep(chance.uniform(0, 2 * RETRY_SECONDS))

    try:
        await asyncio.gather(*(arrive(path_of(user_id), chance.random()) for user_id in user_ids))
        yield loop.time() - began
    finally:
        for one in opened:
            one.close()


def _ignore(_: object) -> None:
    """Nothing that a stranger is told matters."""
