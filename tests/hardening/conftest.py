"""Replicas to be sent everything that nobody should send.

target      most tests use it: no RabbitMQ, and none of the limits that would get in the way
strict      has a limit or a list for everything
hasty       waits for nobody
spawn_hard  starts one with settings of the test's own
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.e2e.client import Crowd
from tests.e2e.conftest import Redis, Spawn
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running

OFFERED = ("Array", "Dynamic Programming", *(f"Offered {number}" for number in range(30)))
PAGE = "https://app.example.com"


HARDENING = pytest.StashKey[list[str]]()
"""The ids of this folder's tests, before any is left out."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    config.stash[HARDENING] = [item.nodeid for item in ours]
    for item in ours:
        item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def hardening_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the replicas write."""
    return tmp_path_factory.mktemp("hardening")


@pytest.fixture(scope="session")
async def surroundings(servers: Servers, postgres_url: str) -> AsyncIterator[dict[str, str]]:
    """Where their servers and neighbours are."""
    assert servers.urls.redis_url is not None
    async with fresh_database(postgres_url) as database_url, QuestionService() as questions:
        yield {
            "DATABASE_URL": database_url,
            "REDIS_URL": servers.urls.redis_url,
            "QUESTION_SERVICE_URL": questions.url,
        }


@pytest.fixture(scope="session")
async def target(surroundings: dict[str, str], hardening_logs: Path) -> AsyncIterator[Replica]:
    async with running(Replica(hardening_logs, **surroundings)) as (replica,):
        yield replica


@pytest.fixture(scope="session")
async def strict(surroundings: dict[str, str], hardening_logs: Path) -> AsyncIterator[Replica]:
    limits = {"RATE_LIMIT": "20/hour", "AUTH_FAILURE_LIMIT": "3/hour"}
    lists = {"TOPICS": ", ".join(OFFERED), "CORS_ORIGINS": PAGE}
    async with running(Replica(hardening_logs, **(surroundings | limits | lists))) as (replica,):
        yield replica


@pytest.fixture(scope="session")
async def hasty(surroundings: dict[str, str], hardening_logs: Path) -> AsyncIterator[Replica]:
    impatience = {"MATCHING_TIMEOUT_SECONDS": "1", "CONFIRM_MATCH_TIMEOUT_SECONDS": "0.3"}
    async with running(Replica(hardening_logs, **(surroundings | impatience))) as (replica,):
        yield replica


@pytest.fixture
async def spawn_hard(surroundings: dict[str, str], hardening_logs: Path) -> AsyncIterator[Spawn]:
    started: list[Replica] = []

    async def start(**settings: str) -> Replica:
        started.append(Replica(hardening_logs, **(surroundings | settings)))
        await started[-1].start()
        return started[-1]

    yield start
    for replica in started:
        await replica.close()


@pytest.fixture
async def people(target: Replica) -> AsyncIterator[Crowd]:
    """Users of *target*."""
    async with Crowd(target) as crowd:
        yield crowd


@pytest.fixture
async def rows(surroundings: dict[str, str]) -> AsyncIterator[asyncpg.Connection]:
    """The replicas' database."""
    connection = await asyncpg.connect(surroundings["DATABASE_URL"])
    yield connection
    await connection.close()


@pytest.fixture
async def memory(surroundings: dict[str, str]) -> AsyncIterator[Redis]:
    """The replicas' Redis."""
    async with redis.asyncio.Redis.from_url(surroundings["REDIS_URL"], decode_responses=True) as client:
        yield client
