"""Which browser pages may read our answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.builders import REQUEST_ID
from tests.web.conftest import Edge

PAGE = "https://app.example.com"


@pytest.mark.parametrize("path", ["/sessions/active", "//nope", "//health"])
async def test_an_allowed_page_may_read_every_answer(edge: Edge, path: str) -> None:
    edge.set(cors_origins=(PAGE,))
    headers = (await edge.get(path, headers={"Origin": PAGE})).headers
    assert headers["Access-Control-Allow-Origin"] == PAGE
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert headers["Vary"] == "Origin"


async def test_an_allowed_page_may_read_why_it_is_refused(edge: Edge) -> None:
    edge.set(cors_origins=(PAGE,))
    answer = await edge.get("/sessions/active", user=None, headers={"Origin": PAGE})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (401, PAGE)
    answer = await edge.call("PUT", "/request", headers={"Origin": PAGE})
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (405, PAGE)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://app.example.com.evil.io",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://x.app.example.com",
        "",
    ],
)
async def test_other_pages_may_read_nothing(edge: Edge, origin: str | None) -> None:
    edge.set(cors_origins=(PAGE,))
    headers = (await edge.get("/sessions/active", headers={"Origin": origin})).headers
    assert not [name for name in headers if name.startswith("Access-Control")]
    assert headers["Vary"] == "Origin"


async def preflight(edge: Edge, origin: str) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization",
    }
    return await edge.call("OPTIONS", f"/request/{REQUEST_ID}", user=None, headers=headers)


async def test_a_preflight_is_answered_without_a_token(edge: Edge) -> None:
    edge.set(cors_origins=(PAGE,))
    answer = await preflight(edge, PAGE)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, PAGE)
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


async def test_a_foreign_preflight_allows_nothing(edge: Edge) -> None:
    edge.set(cors_origins=(PAGE,))
    headers = (await preflight(edge, "https://evil.example")).headers
    assert not [name for name in headers if name.startswith("Access-Control")]


async def test_any_origin_is_let_in_without_credentials(edge: Edge) -> None:
    edge.set(cors_origins=("*",))
    headers = (await edge.get("//health", headers={"Origin": "https://x.example"})).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    assert (await preflight(edge, "https://x.example")).status == 204


async def test_without_configured_origins_there_is_no_cors(edge: Edge) -> None:
    assert "Access-Control-Allow-Origin" not in (await edge.get("//health", headers={"Origin": PAGE})).headers
    assert (await preflight(edge, PAGE)).status == 405
