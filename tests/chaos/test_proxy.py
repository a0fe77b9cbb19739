"""What each kind of weather does to a connection."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from tests.chaos.connection import Weather
from tests.chaos.proxy import Proxy
from tests.e2e.waiting import until

HELD_SECONDS = 0.1
"""Long enough for a byte that is not held to arrive."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """Answers every byte with itself, and remembers all."""

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.heard += data
            writer.write(data)
        writer.close()


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    async with await asyncio.start_server(echo.serve, "127.0.0.1", 0) as server:
        proxy = Proxy(server.sockets[0].getsockname()[1])
        await proxy.open()
        yield proxy
        await proxy.close()


@pytest.fixture
async def line(proxy: Proxy) -> AsyncIterator[Streams]:
    """A connection through the proxy, over which something has gone already."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    yield reader, writer
    writer.close()


async def nothing_comes(reader: asyncio.StreamReader) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readexactly(1), HELD_SECONDS)


async def test_much_more_than_the_buffers_hold_goes_through_unchanged(proxy: Proxy, line: Streams, echo: Echo) -> None:
    reader, writer = line
    much = random.Random(1).randbytes(3_000_000)
    writer.write(much)
    assert await reader.readexactly(len(much)) == much


async def test_the_end_of_one_side_is_the_end_of_the_other(proxy: Proxy, line: Streams) -> None:
    reader, writer = line
    writer.write(b"last words")
    writer.write_eof()
    assert await reader.readexactly(10) == b"last words"
    assert await reader.read() == b""
    await until(lambda: proxy.connections == 0)


async def test_every_chunk_is_late_both_ways_and_none_overtakes(proxy: Proxy, line: Streams) -> None:
    reader, writer = line
    began = asyncio.get_running_loop().time()
    with proxy.under(Weather(delay_seconds=0.05)):
        writer.write(b"slow")
        assert await reader.readexactly(4) == b"slow"
        assert asyncio.get_running_loop().time() - began >= 0.1
        writer.write(b"first")
        await until(lambda: any(connection.client._held for connection in proxy._connections))
    writer.write(b"second")
    assert await reader.readexactly(11) == b"firstsecond"


async def test_held_requests_reach_the_server_when_the_weather_changes(proxy: Proxy, line: Streams, echo: Echo) -> None:
    reader, writer = line
    with proxy.under(Weather(holds_requests=True)):
        writer.write(b"late")
        await nothing_comes(reader)
        assert echo.heard == b"hello"
    assert await reader.readexactly(4) == b"late"


async def test_held_answers_come_when_the_weather_changes_though_the_server_heard(
    proxy: Proxy, line: Streams, echo: Echo
) -> None:
    reader, writer = line
    with proxy.under(Weather(holds_answers=True)):
        writer.write(b"done")
        await until(lambda: echo.heard == b"hellodone")
        await nothing_comes(reader)
    assert await reader.readexactly(4) == b"done"


async def test_a_request_that_is_held_is_carried_out_though_its_sender_has_gone(
    proxy: Proxy, line: Streams, echo: Echo
) -> None:
    _, writer = line
    with proxy.under(Weather(holds_requests=True, holds_answers=True)):
        writer.write(b"zombie")
        writer.close()
        await asyncio.sleep(HELD_SECONDS)
        assert echo.heard == b"hello"
    await until(lambda: echo.heard == b"hellozombie" and proxy.connections == 0)


async def test_the_server_never_hears_of_who_came_and_went_in_silence(proxy: Proxy, echo: Echo) -> None:
    with proxy.under(Weather(holds_requests=True)):
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"anybody?")
        writer.close()
        await until(lambda: any(connection.client.has_ended for connection in proxy._connections))
    await until(lambda: proxy.connections == 0)
    assert echo.heard == b""


async def test_a_silent_line_takes_no_more_than_a_socket_would(proxy: Proxy, line: Streams) -> None:
    reader, writer = line
    with proxy.under(Weather(holds_requests=True)):
        much = bytes(20_000_000)
        writer.write(much)
        await nothing_comes(reader)
        assert all(connection.client._held_bytes < 1_000_000 for connection in proxy._connections)
    assert await reader.readexactly(len(much)) == much


async def test_the_latest_weather_is_what_counts_and_the_others_go_on_without_it(
    proxy: Proxy, line: Streams, echo: Echo
) -> None:
    reader, writer = line
    slow = proxy.under(Weather(delay_seconds=0.01))
    with slow:
        silent = proxy.under(Weather(holds_requests=True))
        silent.__enter__()
    writer.write(b"late")
    await nothing_comes(reader)
    silent.__exit__(None, None, None)
    assert await reader.readexactly(4) == b"late"


async def test_a_cut_is_an_end(proxy: Proxy, line: Streams) -> None:
    proxy.cut()
    assert await line[0].read() == b""
    assert proxy.connections == 0


async def test_a_reset_is_an_error(proxy: Proxy, line: Streams) -> None:
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        await line[0].read()
    assert proxy.connections == 0


async def test_nobody_gets_in_until_it_listens_again_on_the_same_port(proxy: Proxy, line: Streams) -> None:
    port = proxy.port
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    line[1].write(b"in")
    assert await line[0].readexactly(2) == b"in"
    await proxy.open()
    assert proxy.port == port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def test_the_server_has_done_what_was_asked_but_the_answer_never_comes(
    proxy: Proxy, line: Streams, echo: Echo
) -> None:
    reader, writer = line
    with proxy.under(Weather(cuts=1.0, spares=2)):
        writer.write(b"spared")
        assert await reader.readexactly(6) == b"spared"
        writer.write(b"commit")
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(6)
    assert echo.heard == b"hellosparedcommit"


async def test_a_server_that_is_away_resets_who_comes(proxy: Proxy) -> None:
    proxy.upstream = 1
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
