"""``./run``: private servers, migrations, the service, and what to do next on the screen."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
from pathlib import Path

import typer

from service.embedded import Servers, start_servers
from service.errors import StartFailed
from service.settings import Settings, adopt, load_server_urls, load_settings, load_settings_before_servers
from service.tokens import sign_token

A_DAY_SECONDS = 86_400


def run_everything(*, port: int | None, data_dir: Path) -> int:
    """Serve until told to stop; the process's exit code.  Raises :class:`~service.errors.StartFailed`."""
    given = {} if port is None else {"port": port}
    settings = load_settings_before_servers(**given)  # a bad setting is told before anything is started
    require_free(settings.host, settings.port)
    urls = load_server_urls()
    with start_servers(
        data_dir,
        postgres=urls.database_url is None,
        redis=urls.redis_url is None,
        rabbitmq=urls.rabbitmq_url is None,
        wait=False,
        on_event=_tell,
    ) as servers:
        # Loading takes as long as the servers take to start: both at once.
        from service import bootstrap  # noqa: PLC0415
        from service.migrating import migrate  # noqa: PLC0415

        servers.wait_open()
        threading.Thread(target=_give_audience, args=[servers], name="audience", daemon=True).start()
        adopt(
            database_url=servers.urls.database_url,
            redis_url=servers.urls.redis_url,
            rabbitmq_url=servers.urls.rabbitmq_url,
        )
        migrate()
        settings = load_settings(**given)
        return bootstrap.run(settings, announce=lambda address: typer.echo(welcome(settings, address, servers)))


def _give_audience(servers: Servers) -> None:
    """Bind a queue on the private RabbitMQ once it is there: without one, events would wait for ever."""
    from messaging.audience import seat_audience  # noqa: PLC0415
    from messaging.link import FAILURES  # noqa: PLC0415

    url = servers.urls.rabbitmq_url
    if url is None:
        return
    with contextlib.suppress(StartFailed, *FAILURES):  # told by others
        servers.wait_for("rabbitmq")
        asyncio.run(seat_audience(url))


def _tell(news: str) -> None:
    typer.echo(f"  {news}", err=True)


def require_free(host: str, port: int) -> None:
    """Make sure that the port can be listened on; ``StartFailed`` with what to type where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is in use by another program" if taken else f"cannot be used on {host}: {error.strerror}"
            raise StartFailed(f"Port {port} {why}: choose another one with --port or PORT.") from error


def welcome(settings: Settings, address: str, servers: Servers) -> str:
    """What a developer wants to know once it runs: where to look, what to paste, how to stop."""
    lines = [
        "",
        f"  Demo page        {address}/",
        f"  API, events      {address}/docs   {address}/docs/events",
        f"  Servers' URLs    {servers.data.urls_file}   (psql, redis-cli; logs in {servers.data.logs})",
    ]
    if settings.is_dev:
        token = sign_token(settings, "alice", lifetime_seconds=A_DAY_SECONDS)
        lines += [
            "  Try              TOKEN=" + token,
            f'                   curl {address}/api/v1/matching/request -H "Authorization: Bearer $TOKEN" \\',
            """                     -d '{"difficulty": "easy", "topic": "Array"}'""",
            "  Another user     ./run token bob",
        ]
    return "\n".join([*lines, "  Stop             Ctrl-C", ""])
