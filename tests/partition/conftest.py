"""Three replicas, each a host of its own, with the stores behind the bridge between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
import pytest

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.e2e.client import Crowd
from tests.e2e.consumer import Consumer, consuming
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running
from tests.guard.dialects import Anything
from tests.guard.line import Line
from tests.partition.network import HUB, Namespace, Network, NoNetwork

VHOST = "partition"
ANSWER_SECONDS = 2.0


class Host(Replica):
    """A replica in a namespace of its own."""

    def __init__(self, folder: Path, network: Network, **environment: str) -> None:
        self.namespace, address = network.host()
        super().__init__(folder, HOST=address, **environment)
        self._network = network

    def command(self) -> tuple[str, ...]:
        return *self.namespace.enter(), *super().command()

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        connector = aiohttp.TCPConnector(socket_factory=self._network.socket)
        patience = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=patience) as http,
            http.get(f"{self.url}/health/ready") as response,
        ):
            return response.status, await response.json(content_type=None)


@dataclass(frozen=True, slots=True)
class Town:
    """The hosts, their users, and what can be seen from outside."""

    network: Network
    hosts: tuple[Host, ...]
    crowd: Crowd
    consumer: Consumer
    sql: asyncpg.Connection

    def namespace(self, number: int) -> Namespace:
        return self.hosts[number].namespace


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    try:
        network = Network()
    except NoNetwork as reason:
        pytest.skip(f"NETWORK NAMESPACES CANNOT BE MADE HERE (they need Linux, root and a bridge): {reason}")
    yield network
    network.close()


@pytest.fixture(scope="module")
async def town(
    network: Network, servers: Servers, postgres_url: str, broker: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    for order in (("add_vhost", VHOST), ("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")):
        await asyncio.to_thread(broker.rabbitmqctl, *order)
    assert servers.urls.redis_url is not None
    assert broker.urls.rabbitmq_url is not None
    amqp_url = broker.urls.rabbitmq_url + VHOST
    async with AsyncExitStack() as stack:
        database_url = await stack.enter_async_context(fresh_database(postgres_url))
        questions = await stack.enter_async_context(QuestionService())
        consumer = await stack.enter_async_context(consuming(amqp_url))
        urls = {
            "DATABASE_URL": database_url,
            "REDIS_URL": servers.urls.redis_url,
            "RABBITMQ_URL": amqp_url,
            "QUESTION_SERVICE_URL": questions.url,
        }
        environment = {name: await _over(network, url, stack) for name, url in urls.items()}
        folder = tmp_path_factory.mktemp("hosts")
        hosts = tuple(Host(folder, network, **environment) for _ in range(3))
        await stack.enter_async_context(running(*hosts))
        connector = aiohttp.TCPConnector(limit=0, socket_factory=network.socket)
        crowd = await stack.enter_async_context(Crowd(*hosts, connector=connector))
        sql = await asyncpg.connect(database_url)
        stack.push_async_callback(sql.close)
        yield Town(network, hosts, crowd, consumer, sql)


async def _over(network: Network, url: str, stack: AsyncExitStack) -> str:
    """The same server, as the hosts reach it."""
    parts = urlsplit(url)
    assert parts.port is not None
    line = await stack.enter_async_context(Line(parts.port, Anything).open(network.listener()))
    user = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user[0]}{user[1]}{HUB}:{line.port}"))
