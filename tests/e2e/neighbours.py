"""The sibling services, on real ports: a test says how they behave."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Neighbour(ABC):
    """A service that can be slow, wrong, or away."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.behaviour: Behaviour = self.as_usual
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @abstractmethod
    async def as_usual(self, request: web.Request) -> web.StreamResponse:
        """How it behaves on a good day."""

    def says(self, body: str, status: int = 200) -> None:
        """Answer with this from now on."""

        async def behaviour(_: web.Request) -> web.StreamResponse:
            return web.Response(text=body, status=status, content_type="application/json")

        self.behaviour = behaviour

    def holds(self) -> asyncio.Event:
        """Answer nobody until the event is set, then as usual."""
        released = asyncio.Event()

        async def behaviour(request: web.Request) -> web.StreamResponse:
            await released.wait()
            return await self.as_usual(request)

        self.behaviour = behaviour
        return released

    def recovers(self) -> None:
        self.behaviour = self.as_usual

    async def open(self) -> None:
        """Listen; again on the same port after a :meth:`close`."""
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.behaviour(request)

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class QuestionService(Neighbour):
    """Has one question for every bucket."""

    async def as_usual(self, request: web.Request) -> web.StreamResponse:
        assert request.path == "/api/v1/questions/filter/topics-difficulty"
        difficulty, topic = request.query["difficulty"], request.query["topics"]
        question = {"id": f"q-{difficulty}", "title": "Two Sum", "difficulty": difficulty, "topics": [topic]}
        return web.Response(text=json.dumps([question]), content_type="application/json")


class UserService(Neighbour):
    """Knows everybody but those who were deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, str] = {}

    async def as_usual(self, request: web.Request) -> web.StreamResponse:
        user_id = self.users.get(request.headers["Authorization"].removeprefix("Bearer "))
        if request.path != "/users/me" or user_id is None:
            return web.json_response({"detail": "unknown"}, status=401)
        return web.json_response({"id": user_id})
