"""Everything that is served, in one table.

Router, body validation, OpenAPI and the labels of metrics and logs are made from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pydantic import BaseModel

from web import documents, health, matches, requests, sessions, socket
from web.calls import Call, Page, Reply, with_body, without_body
from web.inputs import Leaving, MatchWish, Verdict
from web.paths import BASE, SOCKET
from web.schemas import (
    ActiveSession,
    EndedStatus,
    Health,
    MatchDeclined,
    MatchedStatus,
    MatchStatus,
    OpenSessionBody,
    PendingStatus,
    PreparingSession,
    Ready,
    RepeatedRequest,
    RequestCancelled,
    ServiceCard,
    SessionBody,
    SessionLeft,
    SessionReady,
    WaitingForPartner,
    WaitingRequest,
)

M = TypeVar("M", bound=BaseModel)

Answers = Mapping[int, tuple[type[BaseModel], ...]]
"""By status, the bodies a caller may get."""

WITH_TOKEN: Final = (400, 401, 429, 503)
WITH_BODY: Final = (*WITH_TOKEN, 408, 413, 415, 422)
NO_ANSWERS: Final[Answers] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row."""

    method: str
    path: str
    page: Page
    name: str
    summary: str
    tag: str
    answers: Answers = field(default_factory=lambda: NO_ANSWERS)
    problems: tuple[int, ...] = ()
    body: type[BaseModel] | None = None
    media_type: str = "application/json"
    needs_token: bool = False

    @property
    def pattern(self) -> str:
        """The path as the router wants it: a match id looks like one, so that it captures no neighbour."""
        path = self.path.replace("/{match_id}/", "/{match_id:[0-9A-Fa-f-]{36}}/")
        return path.replace("_id}", "_id:[^/]+}")


def _get(path: str, handler: Callable[[Call[None]], Awaitable[Reply]], tag: str, answers: Answers) -> Route:
    return _bodiless("GET", path, handler, tag, answers, (404, *WITH_TOKEN))


def _bodiless(
    method: str,
    path: str,
    handler: Callable[[Call[None]], Awaitable[Reply]],
    tag: str,
    answers: Answers,
    problems: tuple[int, ...],
    *,
    stranger: Page | None = None,
) -> Route:
    return Route(
        method=method,
        path=f"{BASE}{path}",
        page=without_body(handler, stranger=stranger),
        name=f"{tag}_{handler.__name__}",
        summary=_summary(handler),
        tag=tag,
        answers=answers,
        problems=problems,
        needs_token=True,
    )


def _post(
    path: str,
    handler: Callable[[Call[M]], Awaitable[Reply]],
    body: type[M],
    tag: str,
    answers: Answers,
    problems: tuple[int, ...],
) -> Route:
    return Route(
        method="POST",
        path=f"{BASE}{path}",
        page=with_body(handler, body),
        name=f"{tag}_{handler.__name__}",
        summary=_summary(handler),
        tag=tag,
        answers=answers,
        problems=(*problems, *WITH_BODY),
        body=body,
        needs_token=True,
    )


def _open(
    path: str,
    page: Page,
    tag: str,
    *,
    name: str,
    answers: Answers = NO_ANSWERS,
    problems: tuple[int, ...] = (),
    media_type: str = "application/json",
) -> Route:
    return Route(
        method="GET",
        path=path,
        page=page,
        name=name,
        summary=_summary(page),
        tag=tag,
        answers=answers,
        problems=problems,
        media_type=media_type,
    )


def _summary(handler: Callable[..., object]) -> str:
    return (handler.__doc__ or "").strip().splitlines()[0] if handler.__doc__ else ""


ROUTES: Final[tuple[Route, ...]] = (
    _post(
        "/request",
        requests.find,
        MatchWish,
        "requests",
        {201: (WaitingRequest,), 200: (RepeatedRequest,)},
        (409,),
    ),
    _get(
        "/requests/{request_id}/status", requests.status, "requests", {200: (PendingStatus, MatchedStatus, EndedStatus)}
    ),
    _bodiless(
        "DELETE",
        "/request/{request_id}",
        requests.cancel,
        "requests",
        {200: (RequestCancelled,)},
        (404, 409, *WITH_TOKEN),
    ),
    _post(
        "/confirm",
        matches.decide,
        Verdict,
        "matches",
        {200: (SessionReady, WaitingForPartner, MatchDeclined), 202: (PreparingSession,)},
        (404, 409),
    ),
    _get("/{match_id}/status", matches.status, "matches", {200: (MatchStatus,)}),
    _get("/sessions/active", sessions.active, "sessions", {200: (ActiveSession,)}),
    _bodiless(
        "GET",
        "/session/{session_id}",
        sessions.read,
        "sessions",
        {200: (SessionBody, OpenSessionBody)},
        (404, *WITH_TOKEN),
        stranger=sessions.read_openly,
    ),
    _post("/sessions/leave", sessions.leave, Leaving, "sessions", {200: (SessionLeft,)}, (404,)),
    _open(SOCKET, socket.serve, "events", name="socket", problems=(400, 426, 429, 503), media_type=""),
    _open("/health", health.health, "health", name="health", answers={200: (Health,)}),
    _open("/health/live", health.health, "health", name="live", answers={200: (Health,)}),
    _open("/health/ready", health.ready, "health", name="ready", answers={200: (Ready,)}, problems=(503,)),
    _open("/metrics", health.metrics, "health", name="metrics", media_type="text/plain"),
    _open("/openapi.json", documents.description, "documents", name="openapi"),
    _open("/asyncapi.json", documents.description, "documents", name="asyncapi"),
    _open("/docs", documents.docs, "documents", name="docs", media_type="text/html"),
    _open("/docs/events", documents.events, "documents", name="docs_events", media_type="text/html"),
    _open("/", documents.root, "documents", name="root", answers={200: (ServiceCard,)}),
)
