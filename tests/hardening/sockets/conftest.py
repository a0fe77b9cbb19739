"""A replica with the limits of a deployment, and a smaller one to fill up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.e2e.neighbours import UserService
from tests.e2e.replica import Replica, running
from tests.web.conftest import Edge

PAGE = "https://app.example.com"
MOST_PER_ADDRESS = 20
MOST_SOCKETS = 30

_LIMITS = {
    "RATE_LIMIT": "600/minute",
    "MAX_HANDSHAKES_PER_SECOND": "100000",  # the limit of a user is what is tested
    "MAX_SOCKETS_PER_USER": "5",
    "MAX_SOCKETS_PER_ADDRESS": "1000",
    "CORS_ORIGINS": PAGE,
    "QUESTION_SERVICE_URL": "http://127.0.0.1:9",
}


@pytest.fixture(scope="session")
async def environment(servers: Servers, postgres_url: str) -> AsyncIterator[dict[str, str]]:
    assert servers.urls.redis_url is not None
    async with fresh_database(postgres_url) as database_url:
        yield _LIMITS | {"DATABASE_URL": database_url, "REDIS_URL": servers.urls.redis_url}


@pytest.fixture(scope="session")
def socket_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("socket-replicas")


@pytest.fixture(scope="session")
async def replica(environment: dict[str, str], socket_logs: Path) -> AsyncIterator[Replica]:
    async with running(Replica(socket_logs, **environment)) as (one,):
        yield one


@pytest.fixture(scope="session")
async def users() -> AsyncIterator[UserService]:
    async with UserService() as service:
        yield service


@pytest.fixture(scope="session")
async def small(environment: dict[str, str], socket_logs: Path, users: UserService) -> AsyncIterator[Replica]:
    """Few seats; asks the User Service about everybody, over and over."""
    limits = {
        "MAX_SOCKETS": str(MOST_SOCKETS),
        "MAX_SOCKETS_PER_ADDRESS": str(MOST_PER_ADDRESS),
        "AUTH_VERIFY_REMOTE": "true",
        "USER_SERVICE_URL": users.url,
        "AUTH_RECHECK_SECONDS": "0.2",
    }
    async with running(Replica(socket_logs, **(environment | limits))) as (one,):
        yield one


@pytest.fixture
def quiet(replica: Replica) -> Iterator[Replica]:
    """The replica, which must have nothing to say about it above info."""
    before = len(replica.said())
    yield replica
    loud = [line for line in replica.said()[before:] if line["level"] in ("warning", "error", "critical")]
    assert loud == []


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    """The web application in this process, for what takes too long at a replica's pace."""
    edge = Edge()
    yield edge
    await edge.close()
