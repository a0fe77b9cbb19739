"""How the application is put on a port.

What aiohttp answers by itself, before there is a request that an application could see, is answered here
instead: as a problem, with the headers of every other answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import HttpVersion10, HttpVersion11, StreamReader, web
from aiohttp.http import RawRequestMessage

from web.calls import SERVICES
from web.errors import REQUEST_ID, NotSpoken, problem_for
from web.meter import WebMeter
from web.middleware import UNMATCHED, UNSPOKEN, dress, new_request_id

SETTINGS: Final[dict[str, Any]] = {
    "access_log": None,  # it would print ?token=...; the middleware writes its own line
    "auto_decompress": False,  # compressed bodies are refused, not unpacked
    "keepalive_timeout": 15,  # also what a client gets to send its headers
    "lingering_time": 2,  # for the rest of a body that was refused
}

log = structlog.get_logger()


def make_runner(app: web.Application, *, drain_seconds: float) -> web.AppRunner:
    """A runner for *app* that gives requests in flight *drain_seconds* to finish."""
    return _Runner(app, shutdown_timeout=drain_seconds)


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        stock = await super()._make_server()
        return _Server(stock, self.app[SERVICES].meter)


class _Server(web.Server):
    """Makes a :class:`_Line` of every connection; requests are handled as *stock* does."""

    def __init__(self, stock: web.Server, meter: WebMeter) -> None:
        super().__init__(stock.request_handler, request_factory=_prepared(stock.request_factory))
        self.meter = meter

    def __call__(self) -> web.RequestHandler:
        return _Line(self, self.meter)


class _Line(web.RequestHandler):
    """One connection."""

    __slots__ = ("_meter", "body")

    def __init__(self, server: web.Server, meter: WebMeter) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **SETTINGS)
        self._meter = meter
        self.body: StreamReader | None = None

    def data_received(self, data: bytes) -> None:
        """Take what has come; whoever waits for the rest of a body that broke is told so at once."""
        super().data_received(data)
        broke = bool(self._messages) and not isinstance(self._messages[-1][0], RawRequestMessage)
        if broke and self.body is not None and not self.body.is_eof():
            self.body.set_exception(web.RequestPayloadError("what follows is no HTTP"))
            self.body.feed_eof()

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """As the library, but for a body that breaks when it was answered already: that is no defect of ours."""
        if not isinstance(kwargs.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kwargs)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what was sent
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, and to what failed outside of every middleware."""
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun: there cannot be another.")
        request[REQUEST_ID] = new_request_id()
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            log.info("not HTTP", action="malformed", error=type(exc).__name__)
            problem = problem_for(request, NotSpoken())
        else:
            log.error("unexpected error", action="internal_error", route=UNMATCHED, exc_info=exc)
            problem = problem_for(request, exc or TimeoutError())
        self._meter.answered(request.method, UNMATCHED, problem.status, 0)
        return _Unrouted(problem, request[REQUEST_ID])


class _Unrouted(web.Response):
    """A copy of *problem* that closes the line; the application's hooks, which never see it, are made up for."""

    def __init__(self, problem: web.Response, request_id: str) -> None:
        super().__init__(status=problem.status, body=problem.body, headers=problem.headers)
        self._request_id = request_id
        self.force_close()

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        dress(self, self._request_id)


def _prepared(make: Callable[..., web.BaseRequest]) -> Callable[..., web.BaseRequest]:
    """*make*, which also tells the line what it reads now, and marks versions that nothing is answered in."""

    def made(message: RawRequestMessage, body: StreamReader, line: _Line, *rest: Any) -> web.BaseRequest:
        line.body = body
        if message.version in (HttpVersion10, HttpVersion11):
            return make(message, body, line, *rest)
        request = make(message._replace(version=HttpVersion10), body, line, *rest)
        request[UNSPOKEN] = True
        return request

    return made
