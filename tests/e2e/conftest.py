"""Replicas, their neighbours, and people.

cluster     two replicas over shared servers; most tests use these, with names and topics of their own
hasty       one replica that waits 1.5 s for everything
crowd       users of the cluster
spawn       starts a replica for this test alone
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from service.embedded import Servers
from service.embedded.databases import fresh_database
from service.embedded.rabbitmq import find_scripts
from tests.e2e.client import Crowd
from tests.e2e.consumer import Consumer, consuming
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running

VHOST = "end-to-end"

Redis = Any
"""A client of redis-py, whose types know no text apart from bytes."""

_topics = count(1)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Two replicas and what they lean on."""

    one: Replica
    other: Replica
    environment: dict[str, str]
    """Where their servers and neighbours are."""

    @property
    def replicas(self) -> tuple[Replica, Replica]:
        return self.one, self.other


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every replica of the run writes."""
    return tmp_path_factory.mktemp("replicas")


@pytest.fixture(scope="session")
async def questions() -> AsyncIterator[QuestionService]:
    """A Question Service that always works; tests of others bring their own."""
    async with QuestionService() as service:
        yield service


@pytest.fixture(scope="session")
async def amqp_url(request: pytest.FixtureRequest) -> str:
    """A virtual host of our own, whose one queue takes every event; empty where RabbitMQ is not installed."""
    if find_scripts() is None:
        return ""
    broker: Servers = request.getfixturevalue("broker")
    for order in (("add_vhost", VHOST), ("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")):
        await asyncio.to_thread(broker.rabbitmqctl, *order)
    assert broker.urls.rabbitmq_url is not None
    url = broker.urls.rabbitmq_url + VHOST
    async with consuming(url):
        return url


@pytest.fixture(scope="session")
async def cluster(
    servers: Servers, postgres_url: str, amqp_url: str, questions: QuestionService, logs: Path
) -> AsyncIterator[Cluster]:
    assert servers.urls.redis_url is not None
    async with fresh_database(postgres_url) as database_url:
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": servers.urls.redis_url,
            "RABBITMQ_URL": amqp_url,
            "QUESTION_SERVICE_URL": questions.url,
        }
        async with running(Replica(logs, **environment), Replica(logs, **environment)) as (one, other):
            yield Cluster(one, other, environment)


@pytest.fixture(scope="session")
async def hasty(cluster: Cluster, postgres_url: str, logs: Path) -> AsyncIterator[Replica]:
    async with fresh_database(postgres_url) as database_url:
        impatience = {"MATCHING_TIMEOUT_SECONDS": "1.5", "CONFIRM_MATCH_TIMEOUT_SECONDS": "1.5"}
        environment = cluster.environment | {"DATABASE_URL": database_url} | impatience
        async with running(Replica(logs, **environment)) as (replica,):
            yield replica


@pytest.fixture
async def crowd(cluster: Cluster) -> AsyncIterator[Crowd]:
    async with Crowd(*cluster.replicas) as crowd:
        yield crowd


@pytest.fixture
async def hasty_crowd(hasty: Replica) -> AsyncIterator[Crowd]:
    async with Crowd(hasty) as crowd:
        yield crowd


@pytest.fixture
def topic() -> str:
    """A topic in which nobody waits."""
    return f"Topic {next(_topics)}"


Spawn = Callable[..., Coroutine[None, None, Replica]]


@pytest.fixture
async def spawn(cluster: Cluster, database_url: str, logs: Path) -> AsyncIterator[Spawn]:
    """Starts a replica with a database of this test's own, the cluster's servers, and settings as given."""
    started: list[Replica] = []

    async def start(**settings: str) -> Replica:
        started.append(Replica(logs, **(cluster.environment | {"DATABASE_URL": database_url} | settings)))
        await started[-1].start()
        return started[-1]

    yield start
    for replica in started:
        await replica.close()


@pytest.fixture
async def sql(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    """The cluster's database."""
    connection = await asyncpg.connect(cluster.environment["DATABASE_URL"])
    yield connection
    await connection.close()


@pytest.fixture
async def index(cluster: Cluster) -> AsyncIterator[Redis]:
    """The cluster's Redis."""
    async with redis.asyncio.Redis.from_url(cluster.environment["REDIS_URL"], decode_responses=True) as client:
        yield client


@pytest.fixture
async def consumer(rabbitmq_url: str, amqp_url: str) -> AsyncIterator[Consumer]:
    """What is published while the test runs; skipped where RabbitMQ is not installed, unless CI is set."""
    async with consuming(amqp_url) as consumer:
        yield consumer


@dataclass(frozen=True, slots=True)
class Moody:
    """A replica with a Question Service of its own, which can be held, broken or taken away."""

    replica: Replica
    questions: QuestionService
    crowd: Crowd


@pytest.fixture(scope="session")
async def moody_replica(
    cluster: Cluster, postgres_url: str, logs: Path
) -> AsyncIterator[tuple[Replica, QuestionService]]:
    settings = {"CONFIRM_ANSWER_SECONDS": "0.3", "SESSION_BUDGET_SECONDS": "3"}
    async with fresh_database(postgres_url) as database_url, QuestionService() as service:
        where = {"DATABASE_URL": database_url, "QUESTION_SERVICE_URL": service.url}
        async with running(Replica(logs, **(cluster.environment | where | settings))) as (replica,):
            yield replica, service


@pytest.fixture
async def moody(moody_replica: tuple[Replica, QuestionService]) -> AsyncIterator[Moody]:
    replica, service = moody_replica
    async with Crowd(replica) as crowd:
        yield Moody(replica, service, crowd)
    service.recovers()
