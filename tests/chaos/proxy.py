"""A TCP proxy that spoils connections: slow, silent in one or both directions, cut, refused.

Bytes are never lost or changed, as TCP promises: what is held back arrives late, and in order.  In its mildest mode
it costs one call per chunk, so that the cores are left to what is tested.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from tests.chaos.connection import FAIR, Connection, Weather


class Proxy:
    """Listens on a port of its own, and passes everything on to *port* of this machine."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self._weathers = [FAIR]
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def open(self) -> None:
        """Listen, if it does not yet; again on the same port after a :meth:`close`."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self).client, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Let nobody in, and end every connection."""
        self.refuse()
        self.cut()
        await asyncio.sleep(0)  # for the loop to see them end

    def refuse(self) -> None:
        """Let nobody in until :meth:`open`; who is in stays."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def weather(self) -> Weather:
        """What happens to connections at the moment."""
        return self._weathers[-1]

    @contextlib.contextmanager
    def under(self, weather: Weather) -> Iterator[None]:
        """*weather* inside the block, unless there comes another."""
        self._weathers.append(weather)
        self._notice()
        try:
            yield
        finally:
            self._weathers = [one for one in self._weathers if one is not weather]
            self._notice()

    def _notice(self) -> None:
        for connection in tuple(self._connections):
            connection.notice()

    def cut(self) -> None:
        """End every connection in good order."""
        for connection in tuple(self._connections):
            connection.close()

    def reset(self) -> None:
        """End every connection as a crash does."""
        for connection in tuple(self._connections):
            connection.reset()

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    def keep(self, connection: Connection) -> None:
        """Remember a connection until :meth:`forget`."""
        self._connections.add(connection)

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)


@contextlib.contextmanager
def under(weather: Weather, lines: Iterable[Proxy]) -> Iterator[None]:
    """*weather* on all *lines* inside the block."""
    with contextlib.ExitStack() as stack:
        for line in lines:
            stack.enter_context(line.under(weather))
        yield
