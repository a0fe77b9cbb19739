"""How many connections are let in, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.web.conftest import Edge
from tests.web.fakes import token, until
from web.doorkeeper import MOST_SURPLUS
from web.paths import BASE, SOCKET
from web.serving import make_runner


@dataclass
class Line:
    """A plain connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, path: str) -> tuple[int, str]:
        """The status of *path*, and the rest of the answer as it came."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return await self.hear()

    async def hear(self) -> tuple[int, str]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.startswith("Content-Length"))
        return int(head.split()[1]), head + (await self.reader.readexactly(length)).decode()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class House:
    """The application behind its doorkeeper."""

    edge: Edge
    port: int = 0
    lines: list[Line] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        runner = make_runner(self.edge.app(), drain_seconds=0)
        await runner.setup()
        assert runner.server is not None
        guests = self.edge.doorkeeper.serving(runner.server)
        server = await asyncio.get_running_loop().create_server(guests, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for line in self.lines:
                await line.close()
            await runner.cleanup()

    async def connect(self) -> Line:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self.lines.append(line)
        return line

    async def fill(self, count: int) -> list[Line]:
        """So many connections, all counted."""
        lines = [await self.connect() for _ in range(count)]
        await until(lambda: self.edge.meter.connected == len(self.lines))
        return lines


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(Edge(most_connections=5))
    async with house.open():
        yield house


@pytest.fixture
async def narrow() -> AsyncIterator[House]:
    """A house that takes three connections from one address."""
    house = House(Edge(most_connections_per_address=3))
    async with house.open():
        yield house


async def test_whoever_is_within_the_limit_is_served(house: House) -> None:
    lines = await house.fill(5)
    for line in lines:
        status, _ = await line.ask("/")
        assert status == 200


async def test_beyond_the_limit_health_and_metrics_still_answer(house: House) -> None:
    await house.fill(5)
    surplus = await house.connect()
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        status, _ = await surplus.ask(path)
        assert status == 200


async def test_beyond_the_limit_nothing_else_does(house: House) -> None:
    await house.fill(5)
    surplus = await house.connect()
    status, answer = await surplus.ask("/")
    assert status == 503
    assert '"code": "overloaded"' in answer
    assert "Retry-After: 1" in answer
    assert await surplus.reader.read() == b""


async def test_far_beyond_the_limit_the_answer_comes_before_the_question(house: House) -> None:
    await house.fill(5 + MOST_SURPLUS)
    status, answer = await (await house.connect()).hear()
    assert status == 503
    assert '"code": "overloaded"' in answer
    assert house.edge.meter.refused == {"full": 1}


async def test_whoever_leaves_makes_room(house: House) -> None:
    lines = await house.fill(5 + MOST_SURPLUS)
    for line in lines:
        await line.close()
    await until(lambda: house.edge.meter.connected == 0)
    house.lines.clear()
    [line] = await house.fill(1)
    assert (await line.ask("/"))[0] == 200


async def test_one_address_cannot_take_all_connections(narrow: House) -> None:
    await narrow.fill(3)
    refused = await narrow.connect()
    assert (await refused.hear())[0] == 503
    assert await refused.reader.read() == b""
    assert narrow.edge.meter.refused == {"address": 1}


async def test_what_an_address_may_have_of_websockets_is_not_counted_against_its_connections(narrow: House) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{narrow.port}") as session:
        sockets = [await session.ws_connect(SOCKET, params={"token": token(f"user-{n}")}) for n in range(10)]
        async with session.get(f"{BASE}/sessions/active") as answer:
            assert answer.status == 401
        for socket in sockets:
            await socket.close()
    await until(lambda: narrow.edge.meter.connected == 0)


async def test_connections_that_come_and_go_leave_nothing_behind(narrow: House) -> None:
    for _ in range(100):
        lines = [await narrow.connect() for _ in range(5)]
        await asyncio.gather(*(line.close() for line in lines))
        narrow.lines.clear()
    await until(lambda: narrow.edge.meter.connected == 0)
    assert not narrow.edge.doorkeeper._by_address
    assert not narrow.edge.doorkeeper._surplus
