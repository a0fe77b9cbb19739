"""What probes and scrapers are told."""

from __future__ import annotations

import pytest

from tests.web.conftest import Edge
from web.readiness import Readiness


@pytest.mark.parametrize("path", ["//health", "//health/live"])
async def test_health_is_cheap_and_open(edge: Edge, path: str) -> None:
    edge.readiness = Readiness({"postgres": "away"}, ("postgres",))
    answer = await edge.get(path, user=None)
    assert (answer.status, answer.body) == (200, {"status": "healthy", "name": "matching-service", "version": "1.2.3"})


async def test_ready_says_how_everything_does(edge: Edge) -> None:
    answer = await edge.get("//health/ready", user=None)
    assert (answer.status, answer.body) == (200, {"status": "ready", "dependencies": {"postgres": "ok", "redis": "ok"}})


async def test_what_can_be_done_without_is_named_and_no_more(edge: Edge) -> None:
    edge.readiness = Readiness({"postgres": "ok", "redis": "away", "rabbitmq": "not configured"})
    answer = await edge.get("//health/ready", user=None)
    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body["dependencies"]["redis"] == "away"


@pytest.mark.parametrize("name", ["postgres", "draining"])
async def test_what_cannot_be_done_without_is_503(edge: Edge, name: str) -> None:
    edge.readiness = Readiness({"postgres": "away"}, (name,))
    answer = await edge.get("//health/ready", user=None)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_ready", "1")
    assert answer.body["failing"] == [name]


async def test_metrics_come_in_the_format_that_is_asked_for(edge: Edge) -> None:
    assert (await edge.get("//metrics", user=None)).headers["Content-Type"] == "text/plain; version=0.0.4"
    answer = await edge.get("//metrics", user=None, headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["Content-Type"] == "application/openmetrics-text"
