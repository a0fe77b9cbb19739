"""Other people's things, and somebody who would like to see them.

things      of other people, in every state there is
closed      a replica as it is deployed, over those things
opened      one more, with ``LEGACY_OPEN_SESSION_READ``
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.access import people
from tests.access.people import Things
from tests.e2e.client import Crowd
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running


@dataclass(frozen=True, slots=True)
class Town:
    """Two replicas over the same things of the same people."""

    closed: Replica
    opened: Replica
    things: Things
    database_url: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def access_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every replica of this folder writes."""
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="session")
async def town(servers: Servers, postgres_url: str, access_logs: Path) -> AsyncIterator[Town]:
    async with fresh_database(postgres_url) as database_url, QuestionService() as questions:
        where = {
            "DATABASE_URL": database_url,
            "REDIS_URL": str(servers.urls.redis_url),
            "QUESTION_SERVICE_URL": questions.url,
        }
        things, topic = Things(), f"Access {secrets.token_hex(4)}"
        async with running(Replica(access_logs, **where, **people.HASTY)) as (hasty,), Crowd(hasty) as crowd:
            await people.what_ends_by_itself(crowd, questions, topic, things)
        closed = Replica(access_logs, **where, **people.PATIENT)
        opened = Replica(access_logs, **where, **people.PATIENT, LEGACY_OPEN_SESSION_READ="true")
        async with running(closed, opened), Crowd(closed) as crowd:
            await people.what_lasts(crowd, questions, topic, things)
            connection = await asyncpg.connect(database_url)
            await people.the_ids_of_sessions_to_be(connection, things)
            await connection.close()
            yield Town(closed, opened, things, database_url)
            questions.recovers()
