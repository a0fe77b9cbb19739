"""What every answer has in common: problems, headers, CORS, limits, counting."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from domain import errors as domain
from domain.ids import UserId
from tests.web.builders import MATCH_ID, REQUEST_ID
from tests.web.conftest import Edge
from web.errors import TABLE, RateLimited
from web.rate import RateLimit
from web.readiness import Readiness
from web.routes import ROUTES

WISH = {"difficulty": "easy", "topic": "Array"}
PAGE = "https://app.example.com"


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


# -- CORS ------------------------------------------------------------------------------------------


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


# -- rate limit ------------------------------------------------------------------------------------


async def test_a_user_who_calls_too_often_waits(edge: Edge) -> None:
    edge.set(rate_limit="3/minute")
    answers = [await edge.get("/sessions/active") for _ in range(4)]
    assert [answer.status for answer in answers] == [404, 404, 404, 429]
    assert answers[3].code == "rate_limited"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    assert (await edge.get("/sessions/active", user="user-456")).status == 404
    assert (await edge.get("//health")).status == 200


def test_a_new_window_counts_anew() -> None:
    now = [100.0]
    limit = RateLimit("2/second", clock=lambda: now[0])
    user_id = UserId("user-123")
    for _ in range(2):
        limit.count(user_id)
    with pytest.raises(RateLimited):
        limit.count(user_id)
    now[0] += 1
    limit.count(user_id)


@pytest.mark.parametrize("text", ["", None])
def test_no_limit_is_no_limit(text: str | None) -> None:
    limit = RateLimit(text)
    for _ in range(10_000):
        limit.count(UserId("user-123"))


# -- health ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["//health", "//health/live"])
async def test_health_is_cheap_and_open(edge: Edge, path: str) -> None:
    edge.readiness = Readiness({"postgres": "away"}, ("postgres",))
    answer = await edge.get(path, user=None)
    assert (answer.status, answer.body) == (200, {"status": "healthy", "name": "matching-service", "version": "1.2.3"})


async def test_ready_says_how_everything_does(edge: Edge) -> None:
    answer = await edge.get("//health/ready", user=None)
    assert (answer.status, answer.body) == (200, {"status": "ready", "dependencies": {"postgres": "ok", "redis": "ok"}})


async def test_what_can_be_done_without_is_named_and_no_more(edge: Edge) -> None:
    edge.readiness = Readiness({"postgres": "ok", "redis": "away", "rabbitmq": "not configured"})
    answer = await edge.get("//health/ready", user=None)
    assert (answer.status, answer.body["status"]) == (200, "degraded")
    assert answer.body["dependencies"]["redis"] == "away"


@pytest.mark.parametrize("name", ["postgres", "draining"])
async def test_what_cannot_be_done_without_is_503(edge: Edge, name: str) -> None:
    edge.readiness = Readiness({"postgres": "away"}, (name,))
    answer = await edge.get("//health/ready", user=None)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "not_ready", "1")
    assert answer.body["failing"] == [name]


async def test_metrics_come_in_the_format_that_is_asked_for(edge: Edge) -> None:
    assert (await edge.get("//metrics", user=None)).headers["Content-Type"] == "text/plain; version=0.0.4"
    answer = await edge.get("//metrics", user=None, headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["Content-Type"] == "application/openmetrics-text"
