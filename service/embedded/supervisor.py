"""The small process that owns the private servers: ``python -m service.embedded.supervisor``.

Its stdin is a pipe from the parent. A line on it is an order; its end means
that the parent is gone, and then everything is over within a second. What
happens goes to stdout, one JSON object a line (see Servers in servers.py).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from service.embedded import process, rabbitmq
from service.embedded.datadir import DataDir, replace_file
from service.embedded.postgres import Postgres
from service.embedded.process import Server
from service.embedded.rabbitmq import Epmd, RabbitMQ
from service.embedded.valkey import Valkey
from service.errors import StartFailed

START_SECONDS = 60.0
STOP_SECONDS = 10.0
HURRY_SECONDS = 0.7
NEEDED_AT_ONCE = ("postgres", "redis")


def report(event: str, **fields: Any) -> None:
    """Tell the parent; a parent that is gone needs no telling."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


class House:
    """The servers of one data directory, started in order, stopped in reverse."""

    def __init__(self, data: DataDir, servers: Iterable[Server]) -> None:
        self._data = data
        self._servers = {server.name: server for server in servers}
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def open(self) -> None:
        """Return when what is needed at once takes connections; the broker follows in its own time."""
        await asyncio.gather(*(self.start(name) for name in NEEDED_AT_ONCE if name in self._servers))
        if "rabbitmq" in self._servers:
            self._watch(self._start_broker())

    async def _start_broker(self) -> None:
        try:
            await self.start("epmd")
            await self.start("rabbitmq")
        except StartFailed as error:
            if not self._is_closing:
                report("failed", server="rabbitmq", message=str(error))

    async def start(self, name: str) -> None:
        """Start one server and return when it takes connections."""
        server = self._servers[name]
        with self._data.open_log(name) as log:
            try:
                await server.prepare(log)
                child = await process.spawn(server.command(), log=log)
                self._running[name] = child
                await process.until_ready(child, server.is_ready, seconds=START_SECONDS)
            except (StartFailed, OSError, TimeoutError) as error:
                why = str(error) or f"it was not ready after {START_SECONDS:.0f} seconds"
                raise StartFailed(f"{name} did not start: {why}; {process.last_line(log)} (see {log.name})") from error
        report("ready", server=name, pid=child.pid)
        self._watch(self._announce_end(name, child))

    async def _announce_end(self, name: str, child: asyncio.subprocess.Process) -> None:
        code = await child.wait()
        if not self._is_closing:
            report("ended", server=name, pid=child.pid, code=code)

    def _watch(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def stop(self, name: str) -> None:
        """Stop one server the way that keeps everything."""
        await process.stop(self._running[name], self._servers[name].stop_signal, grace_seconds=STOP_SECONDS)

    async def kill(self, name: str) -> None:
        """End one server as a crash would."""
        await process.stop(self._running[name], signal.SIGKILL, grace_seconds=HURRY_SECONDS)

    async def close(self) -> None:
        """Stop all, the last started first."""
        self._is_closing = True
        for name in reversed(tuple(self._running)):
            await self.stop(name)

    async def close_in_a_hurry(self) -> None:
        """Stop all at once, within a second."""
        self._is_closing = True
        ends = (
            process.stop(child, self._servers[name].hurry_signal, grace_seconds=HURRY_SECONDS)
            for name, child in self._running.items()
        )
        await asyncio.gather(*ends)


async def obey(house: House, orders: asyncio.StreamReader) -> bool:
    """Follow orders until the last one; whether the end was asked for."""
    verbs = {"start": house.start, "stop": house.stop, "kill": house.kill}
    while line := (await orders.readline()).decode().split():
        if line == ["close"]:
            return True
        verb, name = line
        try:
            await verbs[verb](name)
        except StartFailed as error:
            report("failed", server=name, message=str(error))
        report("done", order=verb, server=name)
    return False


async def _orders() -> asyncio.StreamReader:
    loop, orders = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, orders.feed_eof)
    return orders


async def supervise(data: DataDir, wanted: list[str], *, fsync: bool) -> int:
    """The whole life of the private servers; the process's exit code."""
    orders = await _orders()
    urls, servers = _choose(data, wanted, fsync=fsync)
    house = House(data, servers)
    opening, obeying = asyncio.create_task(house.open()), asyncio.create_task(obey(house, orders))
    await asyncio.wait((opening, obeying), return_when=asyncio.FIRST_COMPLETED)
    if opening.done() and (error := opening.exception()):
        report("failed", message=str(error))
        await house.close_in_a_hurry()
        return 1
    if opening.done():
        replace_file(data.urls_file, "".join(f"{name}={url}\n" for name, url in urls.items()))
        report("open", urls=urls)
    asked = await obeying
    opening.cancel()
    await (house.close() if asked else house.close_in_a_hurry())
    data.urls_file.unlink(missing_ok=True)
    return 0


def _choose(data: DataDir, wanted: list[str], *, fsync: bool) -> tuple[dict[str, str], list[Server]]:
    """The URLs by the names of their settings, and the servers behind them."""
    urls: dict[str, str] = {}
    servers: list[Server] = []
    if "postgres" in wanted:
        postgres = Postgres(data, fsync=fsync)
        urls["DATABASE_URL"] = postgres.url
        servers.append(postgres)
    if "redis" in wanted:
        valkey = Valkey(data, fsync=fsync)
        urls["REDIS_URL"] = valkey.url
        servers.append(valkey)
    if "rabbitmq" in wanted:
        scripts = rabbitmq.find_scripts()
        if scripts is None:
            report("absent", server="rabbitmq", message=rabbitmq.ABSENT)
        else:
            epmd, broker = Epmd(data), RabbitMQ(data, scripts)
            urls["RABBITMQ_URL"] = broker.url
            servers += [epmd, broker]
    return urls, servers


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("servers", nargs="*")  # none where every URL is given
    parser.add_argument("--no-fsync", action="store_true")
    options = parser.parse_args()
    data = DataDir(options.data_dir)
    try:
        data.open()
        with data.locked():
            return asyncio.run(supervise(data, options.servers, fsync=not options.no_fsync))
    except StartFailed as error:
        report("failed", message=str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
