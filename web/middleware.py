"""What happens around every request: an id, whether it is let in, a log line, a count, a problem for an exception."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import HttpVersion10, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from web.admission import Admission
from web.cors import Cors
from web.errors import REQUEST_ID, NotSpoken, problem_for, row_of
from web.meter import WebMeter

UNMATCHED: Final = "unmatched"
QUIET: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics", "/dev/state"})
"""Asked by machines every few seconds: not worth a line each."""

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
UNSPOKEN: Final = web.RequestKey("unspoken", bool)
"""In requests of an HTTP version in which nothing is answered; they are answered as if they were of version 1.0."""

_SWITCHED: Final = int(HTTPStatus.SWITCHING_PROTOCOLS)
_BAD: Final = int(HTTPStatus.BAD_REQUEST)

_DECENT_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

log = structlog.get_logger()


def observing(meter: WebMeter, cors: Cors, admission: Admission) -> Middleware:
    """The one middleware."""

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        request_id = _request_id(request)
        request[REQUEST_ID] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)  # each request has a task, and so a context
        response = cors.preflight(request) or await _answered(request, handler, admission)
        _note(meter, request, response.status, time.perf_counter() - started)
        return response

    return observe


def _request_id(request: web.Request) -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if _DECENT_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    """One that nobody had before."""
    return f"{random.getrandbits(128):032x}"


async def _answered(request: web.Request, handler: Handler, admission: Admission) -> web.StreamResponse:
    is_old = request.version == HttpVersion10  # looked at first: a key that is missing costs an exception
    if (is_old and UNSPOKEN in request) or request.method == hdrs.METH_CONNECT:
        return problem_for(request, NotSpoken())
    try:
        return await admission.answer(request, handler)
    except ConnectionError:  # the client is gone; stores that are away raise errors of the domain
        return web.Response(status=HTTPStatus.BAD_REQUEST)
    except Exception as error:  # the last one to be asked: a client gets an answer whatever happens
        if row_of(error) is None and not isinstance(error, web.HTTPException):
            log.exception("unexpected error", action="internal_error", route=_route(request))
        return problem_for(request, error)


def _note(meter: WebMeter, request: web.Request, status: int, seconds: float) -> None:
    if status == _SWITCHED:
        return  # a socket is counted and logged when it closes
    route = _route(request)
    meter.answered(request.method, route, status, seconds)
    is_news = status >= _BAD and route not in QUIET  # what went well is in the metrics
    tell = log.info if is_news else log.debug
    tell("request", action="request", method=request.method, route=route, status=status, ms=round(seconds * 1000, 2))


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else UNMATCHED


def heading(cors: Cors) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """The headers of every answer, errors included."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        dress(response, request.get(REQUEST_ID, ""))
        if isinstance(response, web.FileResponse):
            response.headers[hdrs.CACHE_CONTROL] = "no-cache"  # may be kept, but is asked for again
        response.headers.update(cors.headers(request))

    return add


def dress(response: web.StreamResponse, request_id: str) -> None:
    """Give *response* the headers that do not depend on what was asked."""
    headers = response.headers
    headers.popall(hdrs.SERVER, None)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-ID"] = request_id


async def expect(request: web.Request) -> web.StreamResponse | None:
    """Answer an ``Expect`` header: go on, or a problem for what nobody can expect."""
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        request[REQUEST_ID] = _request_id(request)
        return problem_for(request, web.HTTPExpectationFailed())
    if request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    return None
