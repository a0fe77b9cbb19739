"""The figures of this run: measured once, held against every budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.guard.budgets import settled
from tests.guard.house import House, open_house
from tests.guard.measuring import measure

VHOST = "counted"


@pytest.fixture(scope="module")
async def house(
    servers: Servers, postgres_url: str, broker: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A replica over servers of the run; skipped where RabbitMQ is not installed, unless CI is set."""
    for order in (("add_vhost", VHOST), ("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")):
        await asyncio.to_thread(broker.rabbitmqctl, *order)
    assert servers.urls.redis_url is not None
    assert broker.urls.rabbitmq_url is not None
    async with (
        fresh_database(postgres_url) as database_url,
        open_house(
            tmp_path_factory.mktemp("counted"),
            database_url=database_url,
            redis_url=servers.urls.redis_url,
            rabbitmq_url=broker.urls.rabbitmq_url + VHOST,
        ) as house,
    ):
        yield house


@pytest.fixture(scope="module")
async def figures(house: House) -> Mapping[tuple[str, str], float]:
    return settled(await measure(house, tries=6))
