"""How a town comes to be: servers, schema, lines, replicas."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from service.embedded import start_servers
from service.embedded.datadir import DataDir
from service.errors import StartFailed
from tests.chaos.plan import ChaosPlan
from tests.chaos.ports import free_ports
from tests.chaos.proxy import Proxy
from tests.chaos.resident import Resident
from tests.chaos.tables import add_audit
from tests.chaos.town import STORES, Town, port_of
from tests.e2e.replica import Replica

STARTING_SECONDS: Final = 5.0
"""From a start to its failure, on a machine with other things to do."""
_PORTS_OF_SERVERS: Final = ("postgres", "redis", "rabbitmq", "rabbitmq_dist", "epmd")
ROOMY: Final = {
    "MAX_CONNECTIONS_PER_ADDRESS": "100000",
    "MAX_SOCKETS": "100000",
    "MAX_SOCKETS_PER_ADDRESS": "100000",
    "RATE_LIMIT": "",
    "SWEEP_SECONDS": "1",
}
"""Everybody comes from one address here."""


@contextlib.asynccontextmanager
async def founded(plan: ChaosPlan, folder: Path, say: Callable[[str], None]) -> AsyncIterator[Town]:
    """A town that works, its logs in ``folder/logs``; gone with the block."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="peerprep-chaos-"))
    home.chmod(0o711)  # as root PostgreSQL runs as nobody, who must get in
    _choose_ports(home)
    try:
        servers = await asyncio.to_thread(start_servers, home, fsync=plan.fsync)
        try:
            async with _open(Town(plan, folder, servers, say)) as town:
                yield town
        finally:
            await asyncio.to_thread(servers.close)
            shutil.copytree(home / "logs", folder / "logs", dirs_exist_ok=True)
    finally:
        DataDir(home).erase()


@contextlib.asynccontextmanager
async def _open(town: Town) -> AsyncIterator[Town]:
    if town.servers.urls.rabbitmq_url is None:
        raise StartFailed("RabbitMQ is not installed: apt-get install rabbitmq-server.")
    try:
        await asyncio.to_thread(town.servers.wait_for, "rabbitmq")
        await _settle(town)
        yield town
    finally:
        await town.close()


async def _settle(town: Town) -> None:
    """Have everything there: schema, lines, replicas."""
    await _migrate(town)
    async with town.database() as connection:
        await add_audit(connection)
    await _draw_lines(town)
    await town.witness.open()
    await town.until_answers("rabbitmq")
    town.residents = [_resident(town, number, port) for number, port in enumerate(free_ports(town.plan.replicas))]
    await asyncio.gather(*(resident.start() for resident in town.residents))


async def _migrate(town: Town) -> None:
    environment = {**os.environ, "DATABASE_URL": town.servers.urls.database_url or ""}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "migrate"),
        cwd=town.plan.source, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode:
        raise StartFailed(f"The private database could not be migrated: {said.decode().strip()}")


async def _draw_lines(town: Town) -> None:
    await town.questions.open()
    upstream = [port_of(getattr(town.servers.urls, f"{name}_url")) for name in ("database", "redis", "rabbitmq")]
    for number in range(town.plan.replicas):
        for store, port in zip(STORES, upstream, strict=True):
            town.lines[number, store] = Proxy(port)
    town.questions_line.upstream = port_of(town.questions.url)
    everything = [*town.lines.values(), town.questions_line]
    for proxy, port in zip(everything, free_ports(len(everything)), strict=True):
        proxy.port = port
        await proxy.open()


def _resident(town: Town, number: int, port: int) -> Resident:
    logs = town.folder / "logs"
    replica = Replica(logs, **_environment(town, number), PORT=str(port), PYTHONPATH=str(town.plan.source))
    replica.log = logs / f"replica-{number}.log"
    return Resident(number, replica, note=town.exits.note, is_excused=lambda: _lacked_postgres(town))


def _lacked_postgres(town: Town) -> bool:
    """Whether PostgreSQL is away, or was a moment ago: whoever was starting then ends."""
    healed = time.monotonic() - town.healed_at.get("postgres", -math.inf)
    return town.touched["postgres"] > 0 or healed < STARTING_SECONDS


def _environment(town: Town, number: int) -> dict[str, str]:
    urls = town.servers.urls
    return ROOMY | {
        "DATABASE_URL": _at(urls.database_url, town.lines[number, "postgres"]),
        "REDIS_URL": _at(urls.redis_url, town.lines[number, "redis"]),
        "RABBITMQ_URL": _at(urls.rabbitmq_url, town.lines[number, "rabbitmq"]),
        "QUESTION_SERVICE_URL": _at(town.questions.url, town.questions_line),
        "MATCHING_TIMEOUT_SECONDS": str(town.plan.search_seconds),
        "CONFIRM_MATCH_TIMEOUT_SECONDS": str(town.plan.confirm_seconds),
        "SESSION_BUDGET_SECONDS": str(town.plan.session_budget_seconds),
    }


def _choose_ports(home: Path) -> None:
    """Keep ports for the servers that nobody gets while they are down."""
    ports = zip(_PORTS_OF_SERVERS, free_ports(len(_PORTS_OF_SERVERS)), strict=True)
    (home / "state.json").write_text(json.dumps({f"{name}_port": port for name, port in ports}))


def _at(url: str | None, proxy: Proxy) -> str:
    """*url*, reached through *proxy*."""
    parts = urlsplit(url or "")
    who, separator, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{who}{separator}127.0.0.1:{proxy.port}"))
