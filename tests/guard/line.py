"""A line to a server that counts what passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tests.guard.dialects import Dialect

CHUNK_BYTES = 256 * 1024


@dataclass
class Counts:
    """What has passed since the line was opened, over all connections."""

    messages: int = 0
    """Of those that count in the line's dialect, from the client."""
    trips: int = 0
    """How often a client began to speak after the server had, or for the first time."""
    octets: int = 0
    """In both directions."""


class Line:
    """Listens on a port of its own and passes everything on to *port* of this machine."""

    def __init__(self, port: int, dialect: Callable[[], Dialect]) -> None:
        self.counts = Counts()
        self.port = 0
        self._there = port
        self._dialect = dialect
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self, listener: socket.socket | None = None) -> AsyncIterator[Line]:
        """Listen inside the block, at *listener* if there is one."""
        if listener is None:
            listener = socket.create_server(("127.0.0.1", 0))
        server = await asyncio.start_server(self._serve, sock=listener)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self._there)
        passage = _Passage(self.counts, self._dialect())
        try:
            await asyncio.gather(_pass(reader, back, passage.client_spoke), _pass(there, writer, passage.server_spoke))
        except (OSError, asyncio.CancelledError):
            pass  # whoever went away, the line ends
        finally:
            for one in (writer, back):
                one.transport.abort()
            self._tasks.discard(task)


class _Passage:
    """One connection, as the counts see it."""

    def __init__(self, counts: Counts, dialect: Dialect) -> None:
        self._counts = counts
        self._dialect = dialect
        self._sent = bytearray()
        self._client_spoke_last = False

    def client_spoke(self, chunk: bytes) -> None:
        self._counts.octets += len(chunk)
        self._counts.trips += not self._client_spoke_last
        self._client_spoke_last = True
        self._sent += chunk
        self._counts.messages += self._dialect.take(self._sent)

    def server_spoke(self, chunk: bytes) -> None:
        self._counts.octets += len(chunk)
        self._client_spoke_last = False


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[bytes], None]) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        note(chunk)
        writer.write(chunk)
    raise ConnectionResetError
