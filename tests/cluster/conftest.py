"""A cluster for this folder, whose masters may be ended as long as they are started again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from service.embedded.databases import fresh_database
from tests.cluster.nodes import Nodes, three_masters
from tests.e2e.client import Crowd
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with three_masters(tmp_path_factory.mktemp("masters")) as nodes:
        yield nodes


@pytest.fixture(scope="module")
async def crowd(nodes: Nodes, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowd]:
    """Users of two replicas over the cluster."""
    folder = tmp_path_factory.mktemp("replicas")
    async with fresh_database(postgres_url) as url, QuestionService() as questions:
        environment = {
            "DATABASE_URL": url,
            "REDIS_URL": nodes.url,
            "QUESTION_SERVICE_URL": questions.url,
            "CONFIRM_ANSWER_SECONDS": "0.3",
        }
        replicas = Replica(folder, **environment), Replica(folder, **environment)
        async with running(*replicas), Crowd(*replicas) as crowd:
            yield crowd
