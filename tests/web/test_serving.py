"""What is answered before there is a request, or after everything else has failed."""

from __future__ import annotations

import asyncio
import re

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from domain.ids import UserId
from tests.web.conftest import Edge
from tests.web.fakes import FakeUsers, token, until
from web.cors import Cors
from web.paths import BASE

WISH = b'{"difficulty": "easy", "topic": "Array"}'


async def sent(edge: Edge, text: bytes) -> bytes:
    """What came back until the line was closed."""
    await edge.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.client.port)
    writer.write(text)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_what_is_no_http_is_a_problem_that_quotes_nothing(edge: Edge) -> None:
    with capture_logs() as lines:
        answer = await sent(edge, b"GET /secret HTTP/1.1\r\nHost: x\r\nX secret: secret\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 400 Bad Request\r\n")
    assert b"application/problem+json" in answer
    assert b"X-Request-ID: " in answer
    assert b"Server: " not in answer
    assert [(line["action"], line["log_level"]) for line in lines] == [("malformed", "info")]
    assert "secret" not in repr(lines) + answer.decode()
    assert edge.meter.answers == [("UNKNOWN", "unmatched", 400)]


async def test_what_fails_outside_of_everything_is_a_problem_too(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cors, "preflight", lambda *_: 1 / 0)
    with capture_logs() as lines:
        answer = await sent(edge, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"application/problem+json" in answer
    assert b"ZeroDivision" not in answer
    assert [(line["action"], line["log_level"]) for line in lines] == [("internal_error", "error")]


class Held(FakeUsers):
    """A User Service that thinks about it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def is_valid(self, token: str, user_id: UserId) -> bool:
        self.is_asked.set()
        await self.may_answer.wait()
        return True


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        pytest.param(b"%x\r\n%b\r\n0\r\n\r\n" % (len(WISH), WISH), [b"201", b"400"], id="one that is whole"),
        pytest.param(b"%x\r\n%b\r\n" % (len(WISH), WISH), [b"400"], id="one that is not"),
    ],
)
async def test_nonsense_behind_a_request_spoils_only_a_body_it_cuts_off(
    edge: Edge, body: bytes, statuses: list[bytes]
) -> None:
    edge.users = users = Held()
    await edge.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.client.port)
    head = f"POST {BASE}/request HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\n"
    writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    await users.is_asked.wait()
    writer.write(b"nonsense\r\n\r\n")
    await writer.drain()
    await until(lambda: any(line._messages for line in _lines(edge)))
    users.may_answer.set()
    assert re.findall(rb"HTTP/1.\d (\d+)", await reader.read()) == statuses
    writer.close()


def _lines(edge: Edge) -> list[web.RequestHandler]:
    runner = edge.client.server.runner
    assert runner is not None
    server = runner.server
    assert isinstance(server, web.Server)
    return server.connections
