"""What every answer has in common: problems, headers, a log line, a count."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from domain import errors as domain
from tests.web.builders import MATCH_ID, REQUEST_ID
from tests.web.conftest import Edge
from web.errors import TABLE
from web.routes import ROUTES

WISH = {"difficulty": "easy", "topic": "Array"}


async def test_an_unknown_path_is_a_problem(edge: Edge) -> None:
    answer = await edge.get("//nope")
    assert (answer.status, answer.code) == (404, "not_found")
    assert set(answer.body) == {"type", "title", "status", "detail", "code", "instance", "request_id"}
    assert answer.body["request_id"] == answer.headers["X-Request-ID"]
    assert answer.body["instance"].endswith(answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/request", {"POST"}),
        ("GET", "/request", {"POST"}),
        ("POST", "/ws", {"GET"}),
        ("POST", f"/requests/{REQUEST_ID}/status", {"GET", "HEAD"}),
        ("TRACE", "/sessions/active", {"GET", "HEAD"}),
        ("PROPFIND", f"/request/{REQUEST_ID}", {"DELETE"}),
        ("PATCH", "//health", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_names_the_right_ones(edge: Edge, method: str, path: str, allowed: set[str]) -> None:
    answer = await edge.call(method, path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(",")) == allowed


async def test_every_get_answers_head(edge: Edge) -> None:
    answer = await edge.call("HEAD", "//health")
    assert (answer.status, answer.text) == (200, "")


@pytest.mark.parametrize("route", [route for route in ROUTES if route.needs_token], ids=lambda route: route.name)
async def test_every_endpoint_needs_a_token(edge: Edge, route: Any) -> None:
    path = "/" + route.path.replace("{request_id}", REQUEST_ID).replace("{match_id}", MATCH_ID)
    answer = await edge.call(route.method, path.replace("{session_id}", MATCH_ID), user=None, data=b"{}")
    assert answer.status == 401


def test_every_error_of_the_domain_has_a_row() -> None:
    kinds = [
        kind for kind in vars(domain).values() if isinstance(kind, type) and issubclass(kind, domain.MatchingError)
    ]
    leaves = [kind for kind in kinds if not kind.__subclasses__()]
    assert leaves
    for kind in leaves:
        assert any(ancestor in TABLE for ancestor in kind.__mro__)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (domain.StoreUnavailable("postgres"), "unavailable"),
        (domain.NeighbourUnavailable("questions"), "unavailable"),
        (domain.SessionUnavailable(), "unavailable"),
        (domain.MailboxFull(), "overloaded"),
        (domain.TooManyBuckets(), "too_many_buckets"),
        (domain.Stopping(), "stopping"),
    ],
)
async def test_whatever_is_unavailable_is_503_with_retry_after(edge: Edge, error: Exception, code: str) -> None:
    edge.matchmaker.found = error
    answer = await edge.post("/request", WISH)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, code, "1")


async def test_what_nobody_planned_is_500_without_a_trace_and_logged_once(edge: Edge) -> None:
    edge.matchmaker.found = ZeroDivisionError("secret detail")
    with capture_logs() as lines:
        answer = await edge.post("/request", WISH)
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert [line["action"] for line in lines if line["log_level"] == "error"] == ["internal_error"]


async def test_every_answer_carries_the_security_headers_and_no_server_version(edge: Edge) -> None:
    for path in ("//health", "//nope", "/sessions/active", "//docs", "//openapi.json"):
        headers = (await edge.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Server" not in headers
    assert (await edge.get("/sessions/active")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", ["a", "0" * 64, "7c1f-9A"])
async def test_a_decent_request_id_is_echoed(edge: Edge, text: str) -> None:
    assert (await edge.get("//nope", headers={"X-Request-ID": text})).body["request_id"] == text


@pytest.mark.parametrize("text", ["", "0" * 65, "a b", "a_b", "<script>", "\u00e9"])
async def test_any_other_request_id_is_replaced(edge: Edge, text: str) -> None:
    answer = await edge.get("//nope", headers={"X-Request-ID": text})
    assert answer.headers["X-Request-ID"] != text
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_requests_are_logged_once_with_route_and_user(edge: Edge) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        await edge.get(f"/requests/{REQUEST_ID}/status?token=secret", headers={"X-Request-ID": "abc"})
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["route"] == "/api/v1/matching/requests/{request_id}/status"
    assert (line["status"], line["method"], line["user_id"], line["request_id"]) == (404, "GET", "user-123", "abc")
    assert line["log_level"] == "info"
    assert "secret" not in repr(lines)


async def test_no_line_names_who_asked_before_on_the_same_connection(edge: Edge) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        for user in ("user-123", None):
            await edge.get(f"/requests/{REQUEST_ID}/status", user=user)
    assert [line.get("user_id") for line in lines if line["event"] == "request"] == ["user-123", None]


@pytest.mark.parametrize("path", ["//health", "//health/live", "//health/ready", "//metrics"])
async def test_probes_are_logged_quietly(edge: Edge, path: str) -> None:
    with capture_logs() as lines:
        await edge.get(path)
    assert [line["log_level"] for line in lines] == ["debug"]


async def test_answers_are_counted_by_route_and_never_by_path(edge: Edge) -> None:
    await edge.get(f"/{MATCH_ID}/status")
    await edge.get("//nope")
    await edge.call("PUT", "/request")
    await edge.call("GET", "//health")
    assert edge.meter.answers == [
        ("GET", "/api/v1/matching/{match_id}/status", 404),
        ("GET", "unmatched", 404),
        ("PUT", "unmatched", 405),
        ("GET", "/health", 200),
    ]
