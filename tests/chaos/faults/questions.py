"""F32: everything that a Question Service can do wrong.

Replicas keep lists of questions for a while, so one of them is started again while the service misbehaves: it must ask.

Not here: F33, a User Service that is away.  Nobody asks one unless ``AUTH_VERIFY_REMOTE`` is set, and what happens then
is told by ``tests/messaging/test_users.py``.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

from aiohttp import web

from tests.chaos.faults.row import VICTIM, Row, fault
from tests.e2e.neighbours import Behaviour

if TYPE_CHECKING:
    from tests.chaos.town import Town

QUESTIONS: Final = "questions"
SLOW_SECONDS: Final = 30.0
DRIP_SECONDS: Final = 0.5
HUGE_MEGABYTES: Final = 100
_JSON: Final = "application/json"


@fault("questions-down", "F32", "the Question Service is away", QUESTIONS, VICTIM, seconds=(3, 6))
async def go_down(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    town.questions_line.refuse()
    town.questions_line.cut()
    await _forget(town, victim)
    yield
    await town.questions_line.open()
    await town.residents[victim].until_ready()


def says(body: str, status: int = 200, **headers: str) -> Behaviour:
    """Always the same answer."""

    async def behaviour(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, status=status, content_type=_JSON, headers=headers)

    return behaviour


async def is_slow(_: web.Request) -> web.StreamResponse:
    """Nothing for half a minute."""
    await asyncio.sleep(SLOW_SECONDS)
    return web.Response(text="[]", content_type=_JSON)


async def drips(request: web.Request) -> web.StreamResponse:
    """A byte now and then, for as long as anybody listens."""
    response = web.StreamResponse(headers={"Content-Type": _JSON})
    await response.prepare(request)
    for byte in b"[" + b" " * int(SLOW_SECONDS / DRIP_SECONDS) + b"]":
        await response.write(bytes([byte]))
        await asyncio.sleep(DRIP_SECONDS)
    return response


async def floods(request: web.Request) -> web.StreamResponse:
    """More than anybody wants, for as long as anybody listens."""
    response = web.StreamResponse(headers={"Content-Type": _JSON})
    await response.prepare(request)
    await response.write(b"[")
    for _ in range(HUGE_MEGABYTES):
        await response.write(b" " * 2**20)
    await response.write(b"]")
    return response


async def has_markup(request: web.Request) -> web.StreamResponse:
    """A question that is right, with a title that is a script."""
    difficulty, topic = request.query["difficulty"], request.query["topics"]
    title = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    question = {"id": "q-markup", "title": title, "difficulty": difficulty, "topics": [topic]}
    return web.Response(text=json.dumps([question]), content_type=_JSON)


def _misbehaving(name: str, title: str, behaviour: Behaviour) -> Row:
    @fault(f"questions-{name}", "F32", f"the Question Service {title}", QUESTIONS, VICTIM, seconds=(3, 6))
    async def misbehave(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
        town.questions.behaviour = behaviour
        await _forget(town, victim)
        yield
        town.questions.recovers()
        await town.residents[victim].until_ready()

    return misbehave


MISBEHAVIOUR: Final = (
    go_down,
    _misbehaving("error", "answers 500", says('{"detail": "sorry"}', 500)),
    _misbehaving("slow", "takes half a minute", is_slow),
    _misbehaving("drip", "answers a byte at a time", drips),
    _misbehaving("huge", "answers 100 MB", floods),
    _misbehaving("invalid", "answers what is no JSON", says("[{'id': ")),
    _misbehaving("wrong", "answers another schema", says('{"questions": [{"name": 7}]}')),
    _misbehaving("redirect", "sends you to the cloud's secrets", says("", 302, Location="http://169.254.169.254/")),
    _misbehaving("empty", "has no question", says("[]")),
    _misbehaving("markup", "has a script in a title", has_markup),
)


async def _forget(town: Town, victim: int) -> None:
    """Have a replica that knows no questions."""
    resident = town.residents[victim]
    await resident.kill()
    await resident.start()
