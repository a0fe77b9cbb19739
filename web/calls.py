"""Between router and handler: who is it, how often, what do they say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel

from domain.errors import NotFound
from domain.ids import UserId
from web.auth import Authenticator, Identity, bearer
from web.bodies import read_body
from web.errors import Malformed, Unauthorized
from web.front_door import FrontDoor
from web.hub import Hub
from web.inputs import TOPICS
from web.meter import WebMeter
from web.options import WebOptions
from web.rate import RateLimit, household
from web.readiness import Readiness
from web.reads import Reads
from web.schemas import UUID_PATTERN

B = TypeVar("B", bound=BaseModel | None)
M = TypeVar("M", bound=BaseModel)

_UUID = re.compile(UUID_PATTERN)
_NO_HEADERS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What handlers work with."""

    matchmaker: FrontDoor
    reads: Reads
    hub: Hub
    authenticator: Authenticator
    options: WebOptions
    meter: WebMeter
    rate_limit: RateLimit
    failure_limit: RateLimit
    readiness: Callable[[], Awaitable[Readiness]]
    exposition: Callable[[str], tuple[bytes, str]]
    documents: Mapping[str, bytes]
    """The generated API descriptions, by path."""


SERVICES: Final = web.AppKey("services", Services)


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """One call of a known user."""

    services: Services
    user_id: UserId
    body: B
    path: Mapping[str, str] = field(default_factory=dict)

    def id(self, name: str, unknown: type[NotFound]) -> str:
        """An id of the path.  Raises *unknown* when it is none that we would make."""
        return canonical(self.path[name], unknown)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers."""

    body: BaseModel
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)


Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def canonical(text: str, unknown: type[NotFound]) -> str:
    """*text*, a lower-case UUID.  Raises *unknown* otherwise."""
    if _UUID.fullmatch(text) is None:
        raise unknown
    return text


def answer(body: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """*body* as JSON."""
    return web.Response(
        body=body.model_dump_json().encode(), status=status, content_type="application/json", headers=headers or None
    )


def with_body(handler: Callable[[Call[M]], Awaitable[Reply]], model: type[M]) -> Page:
    """*handler*, called for known users who send a *model*."""

    async def page(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        user_id = await _caller(request, services)
        context: dict[str, Any] = {TOPICS: services.options.topics}
        body = await read_body(request, model, context)
        reply = await handler(Call(services, user_id, body))
        return answer(reply.body, reply.status, reply.headers)

    return page


def without_body(handler: Callable[[Call[None]], Awaitable[Reply]], *, stranger: Page | None = None) -> Page:
    """*handler*, called for known users.

    Whoever is not known gets *stranger*'s answer, where there is one and the deployment wants it.
    """

    async def page(request: web.Request) -> web.StreamResponse:
        services = request.app[SERVICES]
        try:
            user_id = await _caller(request, services)
        except Unauthorized:
            if stranger is None or not services.options.legacy_open_session_read:
                raise
            return await stranger(request)
        reply = await handler(Call(services, user_id, None, request.match_info))
        return answer(reply.body, reply.status, reply.headers)

    return page


async def _caller(request: web.Request, services: Services) -> UserId:
    try:
        identity = await _identified(request, services)
    except Unauthorized:
        services.failure_limit.count(household(request.remote))
        raise
    structlog.contextvars.bind_contextvars(user_id=identity.user_id)
    services.rate_limit.count(identity.user_id)
    return identity.user_id


async def _identified(request: web.Request, services: Services) -> Identity:
    headers = request.headers.getall("Authorization", [])
    if not headers:
        raise Unauthorized(presented=False)
    if len(headers) > 1:
        raise Malformed("More than one Authorization header.")
    return await services.authenticator.identify(bearer(headers[0]))
