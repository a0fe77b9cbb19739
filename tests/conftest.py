"""Real servers for tests: started once, private, gone with the run.

postgres_url   the server; for tests that make databases themselves
database_url   a migrated, empty database for this test alone
redis_url      Redis, emptied before the test
rabbitmq_url   a real RabbitMQ; skipped where none is installed, unless CI is set
"""

import asyncio
import gc
import logging
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio

from service.embedded import Servers, temporary_servers
from service.embedded.databases import fresh_database, make_template
from tests.access.whole_output import WholeOutput


def pytest_configure(config: pytest.Config) -> None:
    """What is written from now on is searched for secrets at the end.

    The broker's clients tell the URL, password and all, of every connection that fails: as in the service, they do not.
    """
    config.pluginmanager.register(WholeOutput(config))
    for name in ("aio_pika", "aiormq"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@pytest.fixture(autouse=True, scope="module")
async def _what_is_left_of_connections_ends_while_the_loop_runs() -> AsyncIterator[None]:
    """aio-pika closes a forgotten connection when it is collected: in a later test without a loop it could not."""
    yield
    gc.collect()
    await asyncio.sleep(0)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with temporary_servers() as running:
        yield running


@pytest.fixture(scope="session")
async def postgres_url(servers: Servers) -> str:
    url = servers.urls.database_url
    assert url is not None
    await make_template(url)
    return url


@pytest.fixture
async def database_url(postgres_url: str) -> AsyncIterator[str]:
    async with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
async def redis_url(servers: Servers) -> str:
    url = servers.urls.redis_url
    assert url is not None
    async with redis.asyncio.Redis.from_url(url) as client:
        await client.flushall()
    return url


@pytest.fixture(scope="session")
def broker() -> Iterator[Servers]:
    """RabbitMQ alone, started by the first test that wants one: it takes seconds."""
    with temporary_servers(postgres=False, redis=False, rabbitmq=True) as running:
        if running.urls.rabbitmq_url is None:
            reason = "RABBITMQ IS NOT INSTALLED: apt-get install rabbitmq-server to run the tests that need a real one"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        running.wait_for("rabbitmq")
        yield running


@pytest.fixture
def rabbitmq_url(broker: Servers) -> str:
    url = broker.urls.rabbitmq_url
    assert url is not None
    return url
