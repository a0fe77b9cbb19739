"""A replica's fanout, and a line to Redis that can be cut or go silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from domain.ids import UserId
from persistence.redis.client import connect, connect_for_listening
from persistence.redis.fanout import RedisFanout
from tests.persistence.conftest import Failures


@dataclass
class Replica:
    fanout: RedisFanout
    delivered: list[tuple[UserId, str]] = field(default_factory=list)
    caught_up: list[UserId] = field(default_factory=list)

    async def receives(self, user_id: UserId, text: str) -> None:
        """Return once *text* was delivered here to *user_id*."""
        async with asyncio.timeout(5):
            while (user_id, text) not in self.delivered:  # noqa: ASYNC110 - it comes from another process
                await asyncio.sleep(0.002)


async def nothing_to_do(user_id: UserId) -> None:
    """Catch up with nothing."""


async def open_replica(
    url: str,
    stack: AsyncExitStack,
    failures: Failures,
    *,
    catching_up: Callable[[UserId], Awaitable[None]] = nothing_to_do,
) -> Replica:
    publisher, subscriber = connect(url), connect_for_listening(url)
    delivered: list[tuple[UserId, str]] = []
    caught_up: list[UserId] = []

    async def catch_up(user_id: UserId) -> None:
        await catching_up(user_id)
        caught_up.append(user_id)

    fanout = RedisFanout(
        publisher=publisher,
        subscriber=subscriber,
        deliver=lambda user_id, text: delivered.append((user_id, text)),
        catch_up=catch_up,
        failed=failures,
    )
    for close in (publisher.aclose, subscriber.aclose, fanout.close):
        stack.push_async_callback(close)
    await fanout.open()
    return Replica(fanout, delivered, caught_up)


class Proxy:
    """Passes bytes to Redis and back."""

    url: str

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = parts.hostname, parts.port
        self._path = parts.path
        self._is_cut = False
        self._is_mute = False
        self._may_pass = asyncio.Event()
        self._may_pass.set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Break every line and let nobody through."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def cut_and_fall_mute(self) -> None:
        """Break every line; take new ones, and never answer."""
        self._is_mute = True
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Keep what comes, on lines old and new, until :meth:`mend`."""
        self._may_pass.clear()

    def mend(self) -> None:
        """Let people through again."""
        self._is_cut = self._is_mute = False
        self._may_pass.set()

    def fall_silent(self) -> None:
        """Keep the lines that are open, and pass nothing on; new lines are fine."""
        self._silent |= self._writers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection(*self._there)
        both = {writer, back}
        self._writers |= both
        if self._is_mute:
            self._silent.add(writer)
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except OSError:
            pass
        finally:
            for one in both:
                one.transport.abort()
            self._writers -= both
            self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self._may_pass.wait()
            if writer not in self._silent:
                writer.write(data)
        raise ConnectionResetError

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}{self._path}"
        try:
            yield self
        finally:
            server.close()
            self._may_pass.set()
            self.cut()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await server.wait_closed()
