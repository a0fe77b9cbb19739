"""The web application over real sockets, with fakes behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict
from pydantic import BaseModel
from yarl import URL

from domain.ids import UserId
from domain.topic import Topics
from messaging.events import MESSAGES
from tests.web.fakes import SECRET, FakeFanout, FakeMatchmaker, FakeMeter, FakeReads, FakeUsers, token
from web.admission import Admission
from web.app import make_app
from web.auth import Authenticator
from web.doorkeeper import Doorkeeper
from web.errors import PROBLEM_JSON
from web.hub import Hub
from web.options import WebOptions
from web.paths import BASE
from web.readiness import Readiness
from web.schemas import ProblemBody
from web.serving import make_runner

Socket: TypeAlias = "aiohttp.ClientWebSocketResponse[Literal[True]]"

OPTIONS = WebOptions(
    app_name="matching-service",
    version="1.2.3",
    env="test",
    topics=Topics(),
    cors_origins=(),
    rate_limit=None,
    recheck_seconds=900,
    auth_failure_limit=None,
    max_requests_in_flight=100,
    max_lag_seconds=1,
    max_handshakes_per_second=1000,
    max_sockets=100,
    max_sockets_per_user=3,
    max_sockets_per_address=50,
    legacy_open_session_read=False,
)


class _Server(TestServer):
    """Served as in earnest."""

    async def _make_runner(self, **kwargs: Any) -> web.AppRunner:
        return make_runner(self.app, drain_seconds=5)


@dataclass
class Answer:
    """What came over the wire."""

    status: int
    headers: CIMultiDict[str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> Any:
        return self.body["code"]


@dataclass
class Edge:
    """The application under test; set what it shall stand on, then open it."""

    options: WebOptions = OPTIONS
    matchmaker: FakeMatchmaker = field(default_factory=FakeMatchmaker)
    reads: FakeReads = field(default_factory=FakeReads)
    meter: FakeMeter = field(default_factory=FakeMeter)
    fanout: FakeFanout = field(default_factory=FakeFanout)
    users: FakeUsers | None = None
    lag: float = 0.0
    most_connections: int = 100
    most_connections_per_address: int = 100
    issuer: str | None = None
    audience: str | None = None
    readiness: Readiness = field(default_factory=lambda: Readiness({"postgres": "ok", "redis": "ok"}))
    events: dict[str, type[BaseModel]] = field(default_factory=lambda: dict(MESSAGES))
    authenticator: Authenticator = field(init=False)
    hub: Hub = field(init=False)
    doorkeeper: Doorkeeper = field(init=False)
    client: TestClient[web.Request, web.Application] = field(init=False)

    def set(self, **options: Any) -> None:
        self.options = replace(self.options, **options)

    def app(self) -> web.Application:
        self.authenticator = Authenticator(
            secret=SECRET, algorithm="HS256", issuer=self.issuer, audience=self.audience, users=self.users
        )
        self.hub = Hub(options=self.options, meter=self.meter, fanout=self.fanout)
        self.doorkeeper = Doorkeeper(
            most=self.most_connections,
            most_per_address=self.most_connections_per_address,
            sockets_from=self.hub.sockets_from,
            meter=self.meter,
        )
        return make_app(
            matchmaker=self.matchmaker,
            reads=self.reads,
            hub=self.hub,
            authenticator=self.authenticator,
            options=self.options,
            meter=self.meter,
            admission=Admission(
                options=self.options, doorkeeper=self.doorkeeper, lag=lambda: self.lag, meter=self.meter
            ),
            readiness=self._readiness,
            exposition=lambda accept: (
                b"up 1\n",
                "application/openmetrics-text" if "openmetrics" in accept else "text/plain; version=0.0.4",
            ),
            event_schemas=self.events,
        )

    async def _readiness(self) -> Readiness:
        return self.readiness

    async def open(self) -> Edge:
        server = _Server(self.app())
        await server.start_server()
        self.client = TestClient(server)
        return self

    async def close(self) -> None:
        if hasattr(self, "client"):
            await self.client.close()

    async def call(self, method: str, path: str, *, user: str | None = "user-123", **kwargs: Any) -> Answer:
        """Call *path*, below the base path unless it begins with two slashes."""
        if not hasattr(self, "client"):
            await self.open()
        headers = CIMultiDict(kwargs.pop("headers", {}))
        if user:
            headers["Authorization"] = f"Bearer {token(user)}"
        url = URL(path[1:] if path.startswith("//") else f"{BASE}{path}", encoded=True)
        async with self.client.request(method, url, headers=headers, **kwargs) as response:
            if response.content_type == PROBLEM_JSON and method != "HEAD":
                assert ProblemBody.model_validate_json(await response.read()).status == response.status
            return Answer(response.status, response.headers.copy(), await response.text())

    async def get(self, path: str, **kwargs: Any) -> Answer:
        return await self.call("GET", path, **kwargs)

    async def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return await self.call("POST", path, **({"json": body} if "data" not in kwargs else {}), **kwargs)

    async def connect(self, user: str | None = "user-123", **kwargs: Any) -> Socket:
        """A WebSocket of *user*, its frames unread."""
        if not hasattr(self, "client"):
            await self.open()
        query = {"token": token(user)} if user else {}
        socket: Socket = await self.client.ws_connect(f"{BASE}/ws", params=kwargs.pop("params", query), **kwargs)
        return socket

    async def greeted(self, user: str = "user-123", **kwargs: Any) -> Socket:
        """A WebSocket of *user* that has read its first frame."""
        socket = await self.connect(user, **kwargs)
        assert (await socket.receive_json())["type"] == "state"
        return socket

    def connected(self, user: str = "user-123") -> int:
        return len(self.hub._connections.get(UserId(user), []))


async def close_code(socket: Socket) -> int | None:
    """What the socket is closed with, whatever comes before."""
    async with asyncio.timeout(5):
        async for _ in socket:
            pass
    return socket.close_code


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    edge = Edge()
    yield edge
    await edge.close()
