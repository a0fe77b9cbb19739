"""Servers for replicas that die: a virtual host of our own, where one queue takes every event."""

from __future__ import annotations

import asyncio

import pytest

from service.embedded import Servers

VHOST = "crashes"


@pytest.fixture(scope="session")
async def addresses(servers: Servers, postgres_url: str, broker: Servers) -> dict[str, str]:
    """The arguments of ``house``; skipped where RabbitMQ is not installed, unless CI is set."""
    for order in (("add_vhost", VHOST), ("set_permissions", "-p", VHOST, "guest", ".*", ".*", ".*")):
        await asyncio.to_thread(broker.rabbitmqctl, *order)
    assert servers.urls.redis_url is not None
    assert broker.urls.rabbitmq_url is not None
    return {
        "postgres_url": postgres_url,
        "redis_url": servers.urls.redis_url,
        "rabbitmq_url": broker.urls.rabbitmq_url + VHOST,
    }
