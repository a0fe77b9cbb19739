"""The pages for people and the descriptions for programs; all of it works with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from web.calls import SERVICES, answer
from web.schemas import ServiceCard

STATIC: Final = Path(__file__).parent / "static"
DEMO: Final = STATIC / "demo" / "index.html"
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The documentation bundles set styles inline; nothing else may."""

DEMO_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def description(request: web.Request) -> web.StreamResponse:
    """An API description, generated from the types the handlers use."""
    return web.Response(body=request.app[SERVICES].documents[request.path], content_type="application/json")


async def root(request: web.Request) -> web.StreamResponse:
    """The demo page where there is one, otherwise who this is."""
    options = request.app[SERVICES].options
    if options.is_dev and DEMO.is_file():
        return web.FileResponse(DEMO, headers={"Content-Security-Policy": DEMO_POLICY})
    return answer(ServiceCard(name=options.app_name, version=options.version))


async def docs(_: web.Request) -> web.StreamResponse:
    """The REST API, to read and to try."""
    return _page("index.html")


async def events(_: web.Request) -> web.StreamResponse:
    """The WebSocket frames and broker events, to read."""
    return _page("events.html")


def _page(name: str) -> web.StreamResponse:
    return web.FileResponse(STATIC / "docs" / name, headers={"Content-Security-Policy": PAGE_POLICY})
