"""Every contract is held against the stores in memory and against the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.contracts.fake_world import FakeWorld
from tests.contracts.real_world import Connections, RealWorld, open_connections
from tests.contracts.world import Replica, World


@pytest.fixture(scope="session")
async def connections(postgres_url: str, servers: Servers) -> AsyncIterator[Connections]:
    assert servers.urls.redis_url is not None
    async with fresh_database(postgres_url) as url, open_connections(url, servers.urls.redis_url) as opened:
        yield opened


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, connections: Connections) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
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
