"""What the tests of this folder share: a meter that remembers, and a neighbour that does as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CountingMeter:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.returned = 0

    def dependency_failed(self, name: str) -> None:
        self.failed[name] += 1

    def unroutable(self, routing_key: str) -> None:
        self.returned += 1


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Return once *condition* holds; fail after *seconds*."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


async def _empty_list(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"[]")


@dataclass(slots=True)
class Stub:
    """A sibling service on a real port; a test gives it its behaviour."""

    url: str = ""
    behaviour: Behaviour = _empty_list
    asked: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        return await self.behaviour(request)

    def says(self, body: str | bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with this from now on."""
        data = body if isinstance(body, bytes) else body.encode()

        async def behaviour(_: web.Request) -> web.StreamResponse:
            return web.Response(body=data, status=status, headers=headers, content_type="application/json")

        self.behaviour = behaviour
