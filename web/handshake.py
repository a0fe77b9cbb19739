"""Before a socket is open: whether this is a handshake, and whose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from web.auth import bearer
from web.errors import Malformed, Unauthorized, UpgradeRequired

SUBPROTOCOL: Final = "bearer"


def expect_handshake(request: web.Request) -> None:
    """Raises ``UpgradeRequired`` or ``Malformed`` unless *request* opens a WebSocket and nothing else."""
    headers = request.headers
    if headers.get("Upgrade", "").strip().lower() != "websocket" or headers.get("Sec-WebSocket-Version") != "13":
        raise UpgradeRequired
    if request.content_length or "Transfer-Encoding" in headers:
        raise Malformed("A handshake has no body.")


def token_of(request: web.Request) -> str:
    """The one token presented, whichever way.

    Raises ``Unauthorized`` without any, ``Malformed`` when there are several.
    """
    tokens = set(_presented(request))
    if len(tokens) > 1 or len(request.query.getall("token", [])) > 1:
        raise Malformed("More than one token.")
    if not tokens:
        raise Unauthorized(presented=False)
    return tokens.pop()


def _presented(request: web.Request) -> Iterable[str]:
    yield from filter(None, request.query.getall("token", []))
    yield from map(bearer, request.headers.getall("Authorization", []))
    offered = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if offered[0] == SUBPROTOCOL and len(offered) > 1:
        yield offered[1]


def is_foreign(request: web.Request, allowed: tuple[str, ...]) -> bool:
    """Whether a browser page of an origin that is not allowed opens this socket.

    Browsers do not apply CORS to WebSockets; other clients send no Origin.
    """
    origin = request.headers.get("Origin")
    return bool(allowed) and origin is not None and "*" not in allowed and origin not in allowed
