"""L1 to L5 and 4.5 to 4.7: what machines ask, and what every answer carries."""

from __future__ import annotations

import asyncio
import re
import time

import asyncpg
import pytest

from tests.e2e.client import BASE, Crowd
from tests.e2e.replica import PROJECT, Replica
from tests.e2e.tokens import SECRET
from tests.hardening.conftest import PAGE
from tests.hardening.wire import ENDPOINTS, HANDSHAKE, SOCKET, Answer, ask, head, wire

OPEN = ("/health", "/health/live", "/health/ready", "/metrics", "/", "/openapi.json", "/asyncapi.json", "/docs")
JANITORS_A_SECOND = 200
"""Transactions of those who sweep, in every replica that is up."""

STATEMENTS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"


async def opened(replica: Replica, path: str, *lines: str) -> Answer:
    async with wire(replica) as line:
        await line.send(head("GET", path, *lines, user=None))
        return await line.answer()


@pytest.mark.parametrize("path", [pytest.param(path, id=f"L1 L2 {path}") for path in OPEN])
async def test_what_is_open_has_no_secret(target: Replica, surroundings: dict[str, str], path: str) -> None:
    answer = await opened(target, path)
    assert answer.status == 200
    text = answer.raw.decode()
    assert SECRET not in text
    for url in surroundings.values():
        assert url not in text
        assert re.sub(r"^\w+://[^@]*@|^\w+://", "", url) not in text
    assert not re.search(r"aiohttp/|asyncpg/|Python/\d|eyJ[\w-]{10,}\.", text + str(answer.headers))


def test_l2_the_gateway_keeps_the_metrics_inside() -> None:
    rule = re.search(r"location = /metrics \{\s*return 404;", (PROJECT / "deploy/gateway/nginx.conf").read_text())
    assert rule is not None


async def test_l3_health_is_cheap_for_everybody_behind_it(target: Replica, rows: asyncpg.Connection) -> None:
    async def often(path: str) -> None:
        async with wire(target) as line:
            sending = asyncio.create_task(line.send(head("GET", path, user=None) * 1000))
            for _ in range(1000):
                assert (await line.answer()).status == 200
            await sending

    before, began = await rows.fetchval(STATEMENTS), time.monotonic()
    await asyncio.gather(often("/health"), often("/health/live"), often("/health/ready"))
    meanwhile = JANITORS_A_SECOND * (time.monotonic() - began + 1)
    assert await rows.fetchval(STATEMENTS) - before < meanwhile


async def test_l4_whatever_is_called_there_are_few_series(target: Replica, people: Crowd) -> None:
    for number in range(20):
        await people.user().find(f"Series {number}")
        await ask(target, head("GET", f"/nowhere/{number}"))
        await ask(target, head("PROPFIND" if number % 2 else "BIND", f"{BASE}/request"))
    text = (await opened(target, "/metrics")).raw.decode()
    assert 'topic="other"' in text
    assert not re.search(r'="[^"]*(Series|nowhere|PROPFIND|BIND)', text)


async def test_4_5_a_token_in_a_query_is_in_no_answer_and_no_line_of_the_log(target: Replica, people: Crowd) -> None:
    user = people.user("asker")
    for path in (*OPEN, f"{BASE}/ws", f"{BASE}/sessions/active", "/nowhere"):
        answer = await opened(target, f"{path}?token={user.token}")
        assert user.token not in answer.raw.decode() + str(answer.headers)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert user.token not in target.log.read_text()
    for options in ({"headers": {"Authorization": f"Bearer {user.token}"}}, {"protocols": ("bearer", user.token)}):
        tab = await user.connect(params={}, **options)
        assert await tab.frame("state")


async def test_4_7_every_answer_has_the_same_decency(target: Replica) -> None:
    requests = [head(method, path) for method, path in ENDPOINTS]
    requests += [head(method, path, user=None) for method, path in ENDPOINTS]
    requests += [head("GET", path, user=None) for path in (*OPEN, "/nowhere", SOCKET[1])]
    requests += [head("PUT", "/health"), head("GET", "/health", "Expect: x"), b"not HTTP\r\n\r\n"]
    requests += [head("OPTIONS", f"{BASE}/request"), head(*SOCKET, *HANDSHAKE, "Content-Length: 5") + b"hello"]
    for sent in requests:
        answer = await ask(target, sent)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", sent
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] in ("no-store", "no-cache")
        assert len(answer.headers["X-Request-ID"]) == 32
        assert "Server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


STRANGERS = ["null", f"{PAGE}.evil.io", "http://app.example.com", f"{PAGE}:8443", "https://x.app.example.com", "*", ""]


async def test_4_7_browsers_read_answers_on_pages_that_are_allowed_and_on_no_others(strict: Replica) -> None:
    for path in ("/health", "/nowhere", f"{BASE}/request", "/docs"):
        answer = await opened(strict, path, f"Origin: {PAGE}")
        assert (answer.headers["Access-Control-Allow-Origin"], answer.headers["Vary"]) == (PAGE, "Origin")
        for origin in (*STRANGERS, PAGE.upper(), f"{PAGE}/"):
            answer = await opened(strict, path, f"Origin: {origin}")
            assert not [name for name in answer.headers if name.startswith("Access-Control")], origin
            assert answer.headers["Vary"] == "Origin"
    async with Crowd(strict) as crowd:
        for origin in STRANGERS[:5]:
            assert await (await crowd.user().connect(origin=origin)).closed() == 4403
