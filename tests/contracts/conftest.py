"""Every contract is held against the stores in memory and against the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.cluster.nodes import Nodes, three_masters
from tests.contracts.fake_world import FakeWorld
from tests.contracts.real_world import Connections, RealWorld, open_connections
from tests.contracts.world import Replica, World

ABOUT_REDIS = {"test_queue.py", "test_reads.py", "test_sessions.py"}
"""Held against a Redis Cluster too."""


@pytest.fixture(scope="session")
async def shared_url(postgres_url: str) -> AsyncIterator[str]:
    """A database that every test of this folder empties."""
    async with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
async def connections(shared_url: str, servers: Servers) -> AsyncIterator[Connections]:
    assert servers.urls.redis_url is not None
    async with open_connections(shared_url, servers.urls.redis_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with three_masters(tmp_path_factory.mktemp("masters")) as nodes:
        yield nodes


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames:
        is_about_redis = metafunc.definition.path.name in ABOUT_REDIS
        metafunc.parametrize("world", ["fake", "real", *["cluster"] * is_about_redis], indirect=True)


@pytest.fixture
async def world(request: pytest.FixtureRequest, shared_url: str, connections: Connections) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        if request.param == "fake":
            yield FakeWorld()
            return
        if request.param == "cluster":
            nodes: Nodes = request.getfixturevalue("nodes")
            connections = await stack.enter_async_context(open_connections(shared_url, nodes.url))
        await connections.empty()
        world = RealWorld(connections)
        yield world
        assert world.second_tries_allowed or not connections.failures, (
            "no statement deadlocks, times out or needs a second try while all is well"
        )


@pytest.fixture
def here(world: World) -> Replica:
    return world.here


@pytest.fixture
def other(world: World) -> Replica:
    return world.other
