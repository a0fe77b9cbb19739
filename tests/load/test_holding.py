"""Many sockets, in small: opened, idle, dropped and back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web
from rich.console import Console

from service.embedded import Servers, Urls
from tests.load import sockets
from tests.load.holding import program, room
from tests.load.holding.attendance import Attendance
from tests.load.holding.seat import Seat
from tests.load.house import Stage
from tests.load.report import page


@contextlib.asynccontextmanager
async def answering(*answers: web.StreamResponse | None) -> AsyncIterator[str]:
    """A server that gives these answers to handshakes in turn; None opens a socket with a first frame."""
    left = list(answers)

    async def serve(request: web.Request) -> web.StreamResponse:
        answer = left.pop(0)
        if answer is not None:
            return answer
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("{}")
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/ws", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}/ws?token=t".format(*runner.addresses[0])
    await runner.cleanup()


@pytest.mark.e2e
async def test_everyone_sits_and_is_back_after_a_storm(
    servers: Servers, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    pids = {name: servers.pid(name) for name in ("postgres", "redis")}
    stage = Stage(Urls(database_url=database_url, redis_url=redis_url), pids, tmp_path)
    plan = program.SocketsPlan(sockets=30, rate=300, seconds=0.1, workers=2, warm_up=2, settle=0.0, concurrency=8)
    report = await program.measure(plan, Console(quiet=True), stage)
    assert (report.errors, report.wanted, report.present) == ({}, 30, 30)
    assert report.is_clean
    assert json.loads(json.dumps(report.as_json()))["kib_per_socket"] == report.kib_per_socket
    assert page(report.sheet()).count("<svg") == 6
    assert report.storm is not None
    assert [(wave.came, wave.refused) for wave in (report.opening, report.storm)] == [(30, {}), (32, {})]
    assert sum(report.storm.series.count) == 32
    assert 0 < report.opening.handshake_ms.p50 <= report.opening.state_ms.max
    assert report.memory_mib.with_all >= report.memory_mib.before > 1
    assert report.idle_cpu_us.keys() == {"service", "PostgreSQL", "Redis", "generator"}


async def test_who_is_refused_comes_back_when_told_to_and_is_counted() -> None:
    busy = web.Response(status=503, headers={"Retry-After": "1"})
    async with answering(busy, None) as url:
        told, began = Attendance(), monotonic()
        seat = Seat(url, None, Counter())
        await seat.take(began, contextlib.nullcontext(), told)
        assert seat.is_taken
        assert told.refused == {"503": 1}
        assert [len(one) for one in (told.moments, told.took, told.handshakes)] == [1, 1, 1]
        assert 0.5 <= told.took[0] <= monotonic() - began
        seat.drop()
        assert not seat.is_taken


async def test_nothing_is_sent_after_a_refusal_and_a_close_frame_after_an_opening() -> None:
    heard: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n")
        heard.append(await reader.read())
        writer.close()
        ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(sockets.Refused, match="503") as refused:
        await sockets.connect(f"http://127.0.0.1:{port}/ws?token=t", lambda _: None, lambda _: None)
    await asyncio.wait_for(ended.wait(), 5)
    server.close()
    assert refused.value.retry_after == 7
    assert heard == [b""]


def test_no_more_sockets_are_asked_for_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 4096)]

    def refuse(_: int, wanted: tuple[int, int]) -> None:
        if wanted[1] > 4096:
            raise PermissionError
        limits[0] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[0])
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert room.make_room(500) == 500
    assert room.make_room(50_000) == 4096 - room.RESERVED
    assert limits == [(4096, 4096)]


def test_sockets_beyond_the_ports_of_an_address_come_from_another() -> None:
    assert room.sources(1) == room.sources(10_000) == ["127.0.0.1"]
    assert room.sources(10_001) == ["127.0.0.1", "127.0.0.2"]


def test_attendances_add_up() -> None:
    one = Attendance(present=2, moments=[1.0], lost=Counter({"1006": 1}), busy=0.2)
    other = Attendance(present=1, moments=[2.0], refused=Counter({"503": 3}), busy=0.4)
    total = Attendance.sum([one, Attendance.read(other.as_json())])
    assert (total.present, total.moments, total.busy) == (3, [1.0, 2.0], 0.4)
    assert (total.refused, total.lost) == (Counter({"503": 3}), Counter({"1006": 1}))
    assert one.moments == [1.0]
