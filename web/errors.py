"""From error to answer: one table, RFC 9457 bodies.

::

    Refusal                     what the edge itself refuses
     |- Malformed               400  not what HTTP or JSON say
     |   '- NotSpoken            400  not the HTTP that is spoken here; the line is closed
     |- Unauthorized            401  no token, or not a good one
     |- BodyTooSlow             408
     |- BodyTooLarge            413
     |- EncodingRefused         415
     |- InvalidBody             422  JSON, but not what is asked for; carries every field error
     |- UpgradeRequired         426
     |- RateLimited             429
     |- Overloaded              503  more to do than can be done: come back later
     |- NotReady                503  the readiness probe's no
     '- TooManySockets          503

A conflict's own attributes (``request_id``, ``match_id`` ...) go into the body as they are: the truth a
client can resume from.  ``request_id`` is the match request a problem is about, when it is about one, and
otherwise the correlation id, which is in ``X-Request-ID`` and at the end of ``instance`` in every case.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from domain import errors as domain
from domain.reasons import EndReason

REQUEST_ID: Final = web.RequestKey("request_id", str)
"""The correlation id of a request: the client's own, when it sent a decent one."""

PROBLEM_JSON: Final = "application/problem+json"
RETRY: Final[Mapping[str, str]] = {"Retry-After": "1"}
HANG_UP: Final[Mapping[str, str]] = {"Connection": "close"}
PLAIN_ONLY: Final[Mapping[str, str]] = {"Accept-Encoding": "identity", **HANG_UP}
UPGRADE: Final[Mapping[str, str]] = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}


class Refusal(Exception):
    """The edge says no.  Its text, if any, is the problem's detail."""

    headers: Mapping[str, str] = {}
    truth: Mapping[str, Any] = {}


class Malformed(Refusal):
    """The message breaks the rules of HTTP, JSON or WebSocket."""


class NotSpoken(Malformed):
    """Nor would what follows on this line be understood."""

    headers = HANG_UP


class Unauthorized(Refusal):
    """The caller is nobody we know.  Carries the challenge of RFC 6750."""

    def __init__(self, reason: str = "", *, presented: bool = True) -> None:
        super().__init__(reason or "A valid access token is needed.")
        error = f', error="invalid_token", error_description="{reason}"' if presented and reason else ""
        self.headers = {"WWW-Authenticate": f'Bearer realm="matching"{error}'}


class BodyTooSlow(Refusal):
    """The headers came, the body did not."""

    headers = HANG_UP


class BodyTooLarge(Refusal):
    """More than any body of ours has."""

    headers = HANG_UP


class EncodingRefused(Refusal):
    """Compressed bodies are not read."""

    headers = PLAIN_ONLY


class InvalidBody(Refusal):
    """All that is wrong with a body."""

    def __init__(self, errors: Sequence[Mapping[str, str]]) -> None:
        super().__init__()
        self.truth = {"errors": errors}


class UpgradeRequired(Refusal):
    """A WebSocket handshake of version 13 was expected."""

    headers = UPGRADE


class RateLimited(Refusal):
    """The user called too often."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.headers = {"Retry-After": str(retry_after_seconds)}


class Overloaded(Refusal):
    """More comes than can be served: those who are in already go first."""

    def __init__(self, *, retry_after_seconds: int = 1, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.headers = {"Retry-After": str(retry_after_seconds), **(headers or {})}


class NotReady(Refusal):
    """Something this service cannot do without is away."""

    headers = RETRY

    def __init__(self, dependencies: Mapping[str, str], failing: Sequence[str]) -> None:
        super().__init__(f"Not ready: {', '.join(failing)}.")
        self.truth = {"dependencies": dependencies, "failing": failing}


class TooManySockets(Refusal):
    """No seat left for another WebSocket."""

    headers = RETRY


class MatchOver(domain.MatchClosed):
    """A match that was asked about has ended: told as 404, which deployed frontends stop waiting on."""


@dataclass(frozen=True, slots=True)
class Row:
    """What clients are told of one kind of error."""

    status: int
    code: str
    title: str
    detail: str


_CLOSED = "The match ended without a session; the reason says why."
_GONE = "There is no such thing, or it is not yours."

TABLE: Final[Mapping[type[BaseException], Row]] = {
    Malformed: Row(400, "malformed", "Malformed request", "The request cannot be understood."),
    Unauthorized: Row(401, "unauthorized", "Unauthorized", "A valid access token is needed."),
    domain.NotFound: Row(404, "not_found", "Not found", _GONE),
    domain.RequestNotFound: Row(404, "request_not_found", "No such match request", _GONE),
    domain.MatchNotFound: Row(404, "match_not_found", "No such match", _GONE),
    domain.SessionNotFound: Row(404, "session_not_found", "No such session", _GONE),
    MatchOver: Row(404, "match_closed", "The match is closed", _CLOSED),
    BodyTooSlow: Row(408, "body_too_slow", "The body did not arrive", "Send the body within ten seconds."),
    domain.LiveRequestExists: Row(
        409, "live_request_exists", "You have a live request", "Resume it with the ids given here, or cancel it first."
    ),
    domain.RequestTimedOut: Row(409, "request_timed_out", "The request has timed out", "Too late to cancel: ask anew."),
    domain.MatchClosed: Row(409, "match_closed", "The match is closed", _CLOSED),
    domain.SessionAlreadyOpened: Row(
        409, "session_opened", "The session is open", "Both confirmed: leave the session instead."
    ),
    BodyTooLarge: Row(413, "body_too_large", "The body is too large", "A body has at most 16 KiB."),
    EncodingRefused: Row(415, "encoding_refused", "Encoding refused", "Send the body as it is, without compression."),
    InvalidBody: Row(422, "invalid_body", "The body is not as asked for", "See errors for all that is wrong."),
    UpgradeRequired: Row(426, "upgrade_required", "WebSocket only", "Open a WebSocket, version 13."),
    RateLimited: Row(429, "rate_limited", "Too many requests", "Slow down; Retry-After says for how long."),
    Overloaded: Row(503, "overloaded", "Try again", "More is asked than can be done right now."),
    NotReady: Row(503, "not_ready", "Not ready", "Something needed is away."),
    TooManySockets: Row(503, "too_many_sockets", "Too many sockets", "No seat left; try again."),
    domain.Unavailable: Row(503, "unavailable", "Try again", "Nothing was lost; repeating the request is safe."),
    domain.MailboxFull: Row(503, "overloaded", "Try again", "More is asked than can be done right now."),
    domain.TooManyBuckets: Row(503, "too_many_buckets", "Try again", "More topics are in use than can be served."),
    domain.Stopping: Row(503, "stopping", "Try again", "This replica is on its way out; another one will serve."),
}
"""The nearest ancestor's row counts."""

INTERNAL: Final = Row(500, "internal_error", "Internal error", "This is our fault, and it has been noted.")


def row_of(error: BaseException) -> Row | None:
    """The error's row, or None for one nobody planned."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)


def problem_for(request: web.BaseRequest, error: BaseException) -> web.Response:
    """The answer to *error*; ``internal_error`` when nobody planned it."""
    row = row_of(error) or INTERNAL
    match error:
        case Refusal():
            return problem(request, row, detail=str(error), truth=error.truth, headers=error.headers)
        case domain.Conflict():
            return problem(request, row, truth=vars(error))
        case domain.Unavailable():
            return problem(request, row, headers=RETRY)
        case web.HTTPException():
            return _of_http(request, error)
        case _:
            return problem(request, row)


def problem(
    request: web.BaseRequest,
    row: Row,
    *,
    detail: str = "",
    truth: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A problem body of *row*, with *truth* beside the standard members."""
    request_id = request.get(REQUEST_ID, "")
    body = {
        "type": f"urn:matching:problem:{row.code}",
        "title": row.title,
        "status": row.status,
        "detail": detail or row.detail,
        "code": row.code,
        "instance": f"urn:matching:occurrence:{request_id}",
        "request_id": request_id,
        **(truth or {}),
    }
    said = json.dumps(body).encode()
    response = web.Response(status=row.status, body=said, content_type=PROBLEM_JSON, headers=headers)
    if HANG_UP.items() <= response.headers.items():
        response.force_close()  # the header alone closes nothing
    return response


def _of_http(request: web.BaseRequest, error: web.HTTPException) -> web.Response:
    """The refusals of aiohttp itself: unknown path, wrong method, too large."""
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problem_for(request, BodyTooLarge())
    status = HTTPStatus(error.status)
    row = Row(status, status.name.lower(), status.phrase, _DETAILS.get(status, "The request cannot be served."))
    return problem(request, row, headers={name: value for name, value in error.headers.items() if name in _KEPT})


_KEPT = frozenset({"Allow", "Location", "Retry-After"})
_DETAILS: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "Not with this method; Allow names those that work.",
    417: "Only 100-continue can be expected.",
}


def closed(error: domain.MatchClosed) -> MatchOver:
    """The same truth for a caller who only asks."""
    return MatchOver(error.match_id, EndReason(error.reason))
