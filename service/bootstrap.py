"""The process: compose the service, serve it, drain it, take it apart."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import structlog
from aiohttp import web

from service.composition import Service, compose
from service.errors import StartFailed
from service.garbage import tend_garbage
from service.log_limit import LineLimit
from service.logs import configure_logs
from service.settings import Settings
from web.serving import make_runner

log = structlog.get_logger()

NOTICE_SECONDS = 1.0
"""How long a process that drains goes on listening, so that balancers read in ``/health/ready`` that it does."""

BACKLOG = 2048
"""Connections the system may hold for us while the loop is busy."""


def run(settings: Settings, *, announce: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.  Raises :class:`~service.errors.StartFailed`.

    *announce* is called with the base address once requests are answered.
    """
    lines = configure_logs(settings)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(_serve(settings, lines, announce))


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _serve(settings: Settings, lines: LineLimit, announce: Callable[[str], None] | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with compose(settings, lines) as service, _listening(service, settings) as address:
        tend_garbage()
        log.info("serving", action="started", address=address, env=settings.env)
        if announce is not None:
            announce(address)
        exit_code = await _wait(stop, service.crashed)
        service.readiness.drain()
        log.info("draining", action="stopping", exit_code=exit_code)
        if not settings.is_dev:
            await asyncio.sleep(min(NOTICE_SECONDS, settings.drain_seconds))
    return exit_code


async def _wait(stop: asyncio.Event, crashed: asyncio.Future[None]) -> int:
    crashed.add_done_callback(lambda _: stop.set())
    await stop.wait()
    if not crashed.done():
        return 0
    log.critical("an actor keeps failing: the process ends", action="crashed", error=repr(crashed.exception()))
    return 1


@asynccontextmanager
async def _listening(service: Service, settings: Settings) -> AsyncIterator[str]:
    """Listen, and say where; at the end let the requests in flight finish."""
    runner = make_runner(service.app, drain_seconds=settings.drain_seconds)
    await runner.setup()
    try:
        server = await _listen(service, runner, settings)
        port = server.sockets[0].getsockname()[1]
        host = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
        try:
            yield f"http://{host}:{port}"
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def _listen(service: Service, runner: web.AppRunner, settings: Settings) -> asyncio.Server:
    """Connections reach the application by way of the doorkeeper: no site of aiohttp's counts them."""
    guests = service.doorkeeper.serving(cast("web.Server", runner.server))  # there once the runner is set up
    try:
        return await asyncio.get_running_loop().create_server(guests, settings.host, settings.port, backlog=BACKLOG)
    except OSError as error:
        why = f"Port {settings.port} cannot be listened on at {settings.host}: {error.strerror}."
        raise StartFailed(why) from error
