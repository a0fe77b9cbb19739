"""Which browser pages may read our answers.

Written out, because aiohttp-cors puts its headers only on answers of routes it knows: not on the 404 and
405 of the router, which a frontend wants to read like any other problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

PREFLIGHT: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-ID",
    "Access-Control-Max-Age": "600",
}
EXPOSED: Final = "Location, Retry-After, WWW-Authenticate, X-Request-ID"
ANY: Final = "*"


class Cors:
    """The allow-list, matched exactly."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = frozenset(origins)

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer when a browser asks for permission, None for any other request."""
        if not self._origins or request.method != "OPTIONS":
            return None
        if "Origin" not in request.headers or "Access-Control-Request-Method" not in request.headers:
            return None
        return web.Response(status=204, headers=PREFLIGHT if self._is_allowed(request) else None)

    def headers(self, request: web.BaseRequest) -> Mapping[str, str]:
        """What any answer to *request* says about who may read it."""
        if not self._origins:
            return {}
        if ANY in self._origins:
            return {"Access-Control-Allow-Origin": ANY, "Access-Control-Expose-Headers": EXPOSED}
        if not self._is_allowed(request):
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": request.headers["Origin"],
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": EXPOSED,
            "Vary": "Origin",
        }

    def _is_allowed(self, request: web.BaseRequest) -> bool:
        return ANY in self._origins or request.headers.get("Origin") in self._origins
