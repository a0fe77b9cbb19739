"""Databases and clients of one's own, and servers that a test may take down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from persistence.postgres.database import Database
from persistence.redis.client import Reach, connect
from service.embedded import Servers
from service.embedded.servers import temporary_servers


@dataclass
class Failures:
    """What was reported to the metrics."""

    names: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.names.append(name)


@asynccontextmanager
async def reach_of(url: str, failures: Failures) -> AsyncIterator[Reach]:
    client = connect(url)
    try:
        yield Reach(client, failed=failures)
    finally:
        await client.aclose()


@pytest.fixture
def failures() -> Failures:
    return Failures()


@pytest.fixture
async def database(database_url: str, failures: Failures) -> AsyncIterator[Database]:
    database = Database(database_url, size=3, failed=failures)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
def mortal_servers() -> Iterator[Servers]:
    """PostgreSQL and Redis for the tests of this folder that stop and start them."""
    with temporary_servers() as running:
        yield running
