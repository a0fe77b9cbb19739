"""The town: three stores, a neighbour, replicas, and a line from each replica to each store that can be spoiled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio

from service.embedded import Servers, start_servers
from service.embedded.datadir import DataDir
from service.embedded.process import answers
from service.errors import StartFailed
from tests.chaos.evidence import Notebook
from tests.chaos.plan import ChaosPlan
from tests.chaos.ports import free_ports
from tests.chaos.proxy import Proxy
from tests.chaos.resident import Resident
from tests.chaos.tables import Redis, add_audit
from tests.chaos.witness import Witness
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica
from tests.e2e.waiting import until

STORES: Final = ("postgres", "redis", "rabbitmq")
_PORTS_OF_SERVERS: Final = ("postgres", "redis", "rabbitmq", "rabbitmq_dist", "epmd")
_GREETINGS: Final = {"redis": (b"PING\r\n", b"+PONG"), "rabbitmq": (b"AMQP\x00\x00\x09\x01", b"\x01")}
ANSWER_SECONDS: Final = 60.0
"""How long anything may take to answer again."""
LOOK_SECONDS: Final = 0.1

ROOMY: Final = {"MAX_SOCKETS": "100000", "MAX_SOCKETS_PER_ADDRESS": "100000", "SWEEP_SECONDS": "1", "RATE_LIMIT": ""}
"""Everybody comes from one address here."""


class Town:
    """What there is, and the verbs to break it with.  Made by :func:`founded`."""

    def __init__(self, plan: ChaosPlan, folder: Path, servers: Servers, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.folder = folder
        self.servers = servers
        self.say = say
        self.questions = QuestionService()
        self.residents: Sequence[Resident] = ()
        self.lines: dict[tuple[int, str], Proxy] = {}
        """From a replica to a store."""
        self.touched: Counter[str] = Counter()
        """What is being broken at the moment, by the names of :class:`tests.chaos.evidence.FaultSpan`."""
        self.witness = Witness(servers.urls.rabbitmq_url or "", Notebook(folder), seed=plan.seed)
        self._orders = asyncio.Lock()
        self._questions_line = Proxy(0)
        self._exits = Notebook(folder)

    @property
    def urls(self) -> list[str]:
        """Of the replicas."""
        return [resident.url for resident in self.residents]

    # -- its stores, reached directly ------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def database(self, **settings: str) -> AsyncIterator[asyncpg.Connection]:
        """A connection of its own to PostgreSQL."""
        connection = await asyncpg.connect(
            self.servers.urls.database_url,
            timeout=ANSWER_SECONDS,
            server_settings={"application_name": "town"} | settings,
        )
        try:
            yield connection
        finally:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=1)

    @contextlib.asynccontextmanager
    async def index(self, *, text: bool = True) -> AsyncIterator[Redis]:
        """A client of Redis that reads and writes text, whatever bytes it stands for, or bytes."""
        url = self.servers.urls.redis_url or ""
        async with redis.asyncio.Redis.from_url(
            url, decode_responses=text, encoding_errors="surrogateescape", socket_timeout=ANSWER_SECONDS
        ) as client:
            yield client

    async def order(self, verb: str, server: str) -> None:
        """Start, stop or kill a server; returns when that is done."""
        async with self._orders:
            orders = {
                "start": self.servers.start_server, "stop": self.servers.stop_server, "kill": self.servers.kill_server
            }  # fmt: skip
            await asyncio.to_thread(orders[verb], server)

    async def start_again(self, server: str) -> None:
        """Start a server as soon as the last process of the one that was killed is gone; returns when it answers."""

        async def has_started() -> bool:
            try:
                await self.order("start", server)
            except StartFailed:
                return False
            return True

        await until(has_started, seconds=ANSWER_SECONDS, every=LOOK_SECONDS, what=f"{server} starts")
        await self.until_answers(server)

    async def until_answers(self, server: str) -> None:
        """Returns when a store, and for RabbitMQ the witness there, is at work; fails after a minute."""
        look = {"postgres": self._postgres_answers, "rabbitmq": self._is_witnessed}.get(server, self._redis_answers)
        await until(look, seconds=ANSWER_SECONDS, every=LOOK_SECONDS, what=f"{server} answers")

    async def _postgres_answers(self) -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with self.database() as connection:
                return not await connection.fetchval("SELECT current_setting('transaction_read_only')::bool")
        return False

    async def _redis_answers(self) -> bool:
        return await answers(_port(self.servers.urls.redis_url), *_GREETINGS["redis"])

    async def _is_witnessed(self) -> bool:
        port = _port(self.servers.urls.rabbitmq_url)
        return self.witness.is_listening and await answers(port, *_GREETINGS["rabbitmq"])

    async def rabbitmqctl(self, *arguments: str) -> str:
        """The output of RabbitMQ's own command line."""
        return await asyncio.to_thread(self.servers.rabbitmqctl, *arguments)

    # -- its lines -------------------------------------------------------------------------------

    def lines_to(self, store: str) -> list[Proxy]:
        """The lines of all replicas to *store*."""
        return [self.lines[number, store] for number in range(self.plan.replicas)]

    @property
    def questions_line(self) -> Proxy:
        """The line of all replicas to the Question Service."""
        return self._questions_line

    async def until_ready(self) -> None:
        """Returns when every replica wants traffic; fails after a minute."""
        await asyncio.gather(*(resident.until_ready() for resident in self.residents))

    # -- its life --------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Have everything there: schema, lines, replicas."""
        await self._migrate()
        async with self.database() as connection:
            await add_audit(connection)
        await self._draw_lines()
        await self.witness.open()
        await self.until_answers("rabbitmq")
        self.residents = [self._resident(number, port) for number, port in enumerate(free_ports(self.plan.replicas))]
        await asyncio.gather(*(resident.start() for resident in self.residents))

    async def _migrate(self) -> None:
        environment = {**os.environ, "DATABASE_URL": self.servers.urls.database_url or ""}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service", "migrate"),
            cwd=self.plan.source, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode:
            raise StartFailed(f"The private database could not be migrated: {said.decode().strip()}")

    async def _draw_lines(self) -> None:
        await self.questions.open()
        upstream = [_port(getattr(self.servers.urls, f"{name}_url")) for name in ("database", "redis", "rabbitmq")]
        for number in range(self.plan.replicas):
            for store, port in zip(STORES, upstream, strict=True):
                self.lines[number, store] = Proxy(port)
        self._questions_line.upstream = _port(self.questions.url)
        everything = [*self.lines.values(), self._questions_line]
        for proxy, port in zip(everything, free_ports(len(everything)), strict=True):
            proxy.port = port
            await proxy.open()

    def _resident(self, number: int, port: int) -> Resident:
        logs = self.folder / "logs"
        replica = Replica(logs, **self._environment(number), PORT=str(port), PYTHONPATH=str(self.plan.source))
        replica.log = logs / f"replica-{number}.log"
        return Resident(
            number, replica, note=self._exits.note, is_excused=lambda: self.touched["postgres"] > 0
        )  # fmt: skip

    def _environment(self, number: int) -> dict[str, str]:
        urls = self.servers.urls
        return ROOMY | {
            "DATABASE_URL": _at(urls.database_url, self.lines[number, "postgres"]),
            "REDIS_URL": _at(urls.redis_url, self.lines[number, "redis"]),
            "RABBITMQ_URL": _at(urls.rabbitmq_url, self.lines[number, "rabbitmq"]),
            "QUESTION_SERVICE_URL": _at(self.questions.url, self._questions_line),
            "MATCHING_TIMEOUT_SECONDS": str(self.plan.search_seconds),
            "CONFIRM_MATCH_TIMEOUT_SECONDS": str(self.plan.confirm_seconds),
            "SESSION_BUDGET_SECONDS": str(self.plan.session_budget_seconds),
        }

    async def close(self) -> None:
        """Take everything away, whatever state it is in."""
        await asyncio.gather(*(resident.close() for resident in self.residents))
        await self.witness.close()
        await self.questions.close()
        for proxy in [*self.lines.values(), self._questions_line]:
            await proxy.close()
        self._exits.close()


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
        await town.settle()
        yield town
    finally:
        await town.close()


def _choose_ports(home: Path) -> None:
    """Keep ports for the servers that nobody gets while they are down."""
    ports = zip(_PORTS_OF_SERVERS, free_ports(len(_PORTS_OF_SERVERS)), strict=True)
    (home / "state.json").write_text(json.dumps({f"{name}_port": port for name, port in ports}))


def _port(url: Any) -> int:
    return urlsplit(str(url)).port or 0


def _at(url: str | None, proxy: Proxy) -> str:
    """*url*, reached through *proxy*."""
    parts = urlsplit(url or "")
    who, separator, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{who}{separator}127.0.0.1:{proxy.port}"))
