"""The town: three stores, a neighbour, replicas, and a line from each replica to each store that can be spoiled."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import redis.asyncio

from service.embedded import Servers
from service.embedded.process import answers
from service.errors import StartFailed
from tests.chaos.evidence import Notebook
from tests.chaos.plan import ChaosPlan
from tests.chaos.proxy import Proxy
from tests.chaos.resident import Resident
from tests.chaos.tables import Redis
from tests.chaos.witness import Witness
from tests.e2e.neighbours import QuestionService
from tests.e2e.waiting import until

STORES: Final = ("postgres", "redis", "rabbitmq")
_GREETINGS: Final = {"redis": (b"PING\r\n", b"+PONG"), "rabbitmq": (b"AMQP\x00\x00\x09\x01", b"\x01")}
ANSWER_SECONDS: Final = 60.0
"""How long anything may take to answer again."""
LOOK_SECONDS: Final = 0.1


class Town:
    """What there is, and the verbs to break it with.  Made by :func:`tests.chaos.founding.founded`."""

    def __init__(self, plan: ChaosPlan, folder: Path, servers: Servers, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.folder = folder
        self.servers = servers
        self.say = say
        self.questions = QuestionService()
        self.residents: Sequence[Resident] = ()
        self.lines: dict[tuple[int, str], Proxy] = {}
        """From a replica to a store."""
        self.questions_line = Proxy(0)
        """From all replicas to the Question Service."""
        self.exits = Notebook(folder)
        self.touched: Counter[str] = Counter()
        self.healed_at: dict[str, float] = {}
        """When each was last given back, by the monotonic clock."""
        """What is being broken at the moment, by the names of :class:`tests.chaos.evidence.FaultSpan`."""
        self.witness = Witness(servers.urls.rabbitmq_url or "", Notebook(folder), seed=plan.seed)
        self._orders = asyncio.Lock()

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
        return await answers(port_of(self.servers.urls.redis_url), *_GREETINGS["redis"])

    async def _is_witnessed(self) -> bool:
        port = port_of(self.servers.urls.rabbitmq_url)
        return self.witness.is_listening and await answers(port, *_GREETINGS["rabbitmq"])

    async def rabbitmqctl(self, *arguments: str) -> str:
        """The output of RabbitMQ's own command line."""
        return await asyncio.to_thread(self.servers.rabbitmqctl, *arguments)

    # -- its lines -------------------------------------------------------------------------------

    def lines_to(self, store: str) -> list[Proxy]:
        """The lines of all replicas to *store*."""
        return [self.lines[number, store] for number in range(self.plan.replicas)]

    async def until_ready(self) -> None:
        """Returns when every replica wants traffic; fails after a minute."""
        await asyncio.gather(*(resident.until_ready() for resident in self.residents))

    # -- its end ------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Take everything away, whatever state it is in."""
        await asyncio.gather(*(resident.close() for resident in self.residents))
        await self.witness.close()
        await self.questions.close()
        for proxy in [*self.lines.values(), self.questions_line]:
            await proxy.close()
        self.exits.close()


def port_of(url: str | None) -> int:
    """Where a server listens."""
    return urlsplit(url or "").port or 0
