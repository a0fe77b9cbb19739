"""The web application, put together from its parts."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from pydantic import BaseModel

from web.admission import Admission
from web.asyncapi import asyncapi
from web.auth import Authenticator
from web.backstage import Backstage, open_backstage
from web.bodies import MAX_BODY_BYTES
from web.calls import SERVICES, Services
from web.cors import Cors
from web.documents import STATIC
from web.front_door import FrontDoor
from web.hub import Hub
from web.meter import WebMeter
from web.middleware import expect, heading, observing
from web.openapi import openapi
from web.options import WebOptions
from web.rate import RateLimit
from web.readiness import Readiness
from web.reads import Reads
from web.routes import ROUTES


def make_app(  # noqa: PLR0913 - the edge meets all its collaborators here
    *,
    matchmaker: FrontDoor,
    reads: Reads,
    hub: Hub,
    authenticator: Authenticator,
    options: WebOptions,
    meter: WebMeter,
    admission: Admission,
    readiness: Callable[[], Awaitable[Readiness]],
    exposition: Callable[[str], tuple[bytes, str]],
    event_schemas: Mapping[str, type[BaseModel]],
    backstage: Backstage | None = None,
) -> web.Application:
    """Everything that is served, over *matchmaker* and *reads*.

    Args:
        exposition: the metrics and their content type, given the ``Accept`` header.
        event_schemas: what goes to the broker, by routing key, for the documentation.
        backstage: what the demo page shows of the inside; None for no such pages.
    """
    cors = Cors(options.cors_origins)
    app = web.Application(middlewares=[observing(meter, cors, admission)], client_max_size=MAX_BODY_BYTES)
    app[SERVICES] = Services(
        matchmaker=matchmaker,
        reads=reads,
        hub=hub,
        authenticator=authenticator,
        options=options,
        meter=meter,
        rate_limit=RateLimit(options.rate_limit),
        failure_limit=RateLimit(options.auth_failure_limit),
        readiness=readiness,
        exposition=exposition,
        documents={
            "/openapi.json": json.dumps(openapi(ROUTES, options)).encode(),
            "/asyncapi.json": json.dumps(asyncapi(event_schemas, options)).encode(),
        },
    )
    app.on_response_prepare.append(heading(cors))
    app.on_shutdown.append(_hang_up)
    _route(app, is_dev=options.is_dev)
    if backstage is not None:
        open_backstage(app, backstage)
    return app


def _route(app: web.Application, *, is_dev: bool) -> None:
    for route in ROUTES:
        app.router.add_route(route.method, route.pattern, route.page, expect_handler=expect)
        if route.method == "GET" and route.name != "socket":
            app.router.add_route("HEAD", route.pattern, route.page, expect_handler=expect)
    for folder in ("docs", "vendor", *(["demo"] if is_dev else [])):
        if (STATIC / folder).is_dir():
            app.router.add_static(f"/static/{folder}", STATIC / folder)


async def _hang_up(app: web.Application) -> None:
    await app[SERVICES].hub.close_all()
