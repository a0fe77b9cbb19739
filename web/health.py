"""Is it alive, is it ready, how does it do."""

from __future__ import annotations

from aiohttp import web

from web.calls import SERVICES, answer
from web.errors import NotReady
from web.schemas import Health, Ready


async def health(request: web.Request) -> web.StreamResponse:
    """Alive; asks nobody."""
    options = request.app[SERVICES].options
    return answer(Health(name=options.app_name, version=options.version))


async def ready(request: web.Request) -> web.StreamResponse:
    """Whether to send traffic here, naming what is away; 503 only for what cannot be done without."""
    readiness = await request.app[SERVICES].readiness()
    if readiness.failing:
        raise NotReady(readiness.dependencies, readiness.failing)
    status = "degraded" if readiness.is_degraded else "ready"
    return answer(Ready(status=status, dependencies=dict(readiness.dependencies)))


async def metrics(request: web.Request) -> web.StreamResponse:
    """Prometheus text, or OpenMetrics for those who ask for it."""
    body, content_type = request.app[SERVICES].exposition(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})
