"""Replicas that say what a test wants, and a street before them."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.chaos.evidence import Evidence
from tests.chaos.people.caller import Caller
from tests.chaos.people.door import Door
from tests.chaos.people.ledger import Ledger
from tests.chaos.people.street import Street


def answer(status: int, body: str = "{}", *headers: str) -> bytes:
    """As a replica says it."""
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


@dataclass
class Puppet:
    """Answers each question with the next of its lines; with nothing left to say it hangs up."""

    lines: list[bytes]
    heard: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    held: asyncio.Event | None = None
    """While this is there and not set, it is silent."""
    _serving: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = field(default_factory=dict)

    async def close(self) -> None:
        """Hang up on everybody."""
        if self.held is not None:
            self.held.set()
        for writer in self._serving.values():
            writer.close()
        await asyncio.gather(*(task for task in self._serving if task is not None))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._serving[asyncio.current_task()] = writer
        try:
            while self.lines:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
                self.heard.append(head + await reader.readexactly(size))
                said = self.lines.pop(0)
                if self.held is not None:
                    await self.held.wait()
                writer.write(said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the caller has hung up
        finally:
            writer.close()


Play = Callable[..., Coroutine[None, None, Puppet]]
Build = Callable[..., Street]


@pytest.fixture
async def puppet() -> AsyncIterator[Play]:
    """Starts a replica that says these things, one after the other."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*lines: bytes) -> Puppet:
            made = Puppet(list(lines))
            server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
            stack.push_async_callback(made.close)
            stack.callback(server.close)
            made.url = "http://{}:{}".format(*server.sockets[0].getsockname())
            return made

        yield start


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Build]:
    """A street before the replicas at these addresses."""
    made: list[Street] = []
    (tmp_path / "run.json").write_text("{}")

    def build(*urls: str) -> Street:
        made.append(Street(door=Door(urls), ledger=Ledger(tmp_path, "test"), numbers=count(), patience_seconds=5))
        return made[-1]

    yield build
    for one in made:
        one.door.close()
        one.ledger.close()


def caller_in(street: Street, user_id: str = "alice") -> Caller:
    return Caller(user_id=user_id, door=street.door, ledger=street.ledger, chance=random.Random(1))


def evidence_of(street: Street) -> Evidence:
    """What was written down."""
    street.ledger.close()
    return Evidence.read(street.ledger.folder)
