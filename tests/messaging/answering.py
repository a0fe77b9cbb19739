"""How a Question Service answers, and misbehaves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from domain.ids import QuestionId
from domain.request import Bucket, Difficulty
from domain.session import Question
from tests.messaging.stubs import Behaviour

BUCKET = Bucket(Difficulty.EASY, "Array")
LIST = json.dumps([{"id": 1, "title": "Two coins", "difficulty": "Easy", "topics": ["Array"]}])
TWO_COINS = Question(QuestionId("1"), "Two coins", "Easy", ("Array",))


def answers(*behaviours: Behaviour) -> Behaviour:
    """One after the other, the last one for ever."""
    left = list(behaviours)

    async def behaviour(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return behaviour


async def good(_: web.Request) -> web.StreamResponse:
    return web.Response(text=LIST)


async def fail(_: web.Request) -> web.StreamResponse:
    return web.Response(status=500)


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def say_nothing(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


def flood(sent: list[int]) -> Behaviour:
    """100 MB, noting how much of it anybody took."""

    async def behaviour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1600):
            await response.write(b" " * 65536)
            sent.append(65536)
        return response

    return behaviour


def wire(**fields: Any) -> str:
    return json.dumps([{"id": "q", "title": "T", "difficulty": "easy", "topics": ["Array"], **fields}])
