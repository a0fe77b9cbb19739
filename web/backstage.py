"""What the demo page shows of the inside.  Routed with ENV=dev only, and in no API description."""

from __future__ import annotations

from typing import Annotated, Final, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from domain.ids import EventId, UserId
from domain.request import Difficulty
from web.bodies import read_body
from web.calls import SERVICES, answer
from web.errors import InvalidBody, Unauthorized
from web.middleware import expect
from web.schemas import Moment

TOKEN: Final = "/dev/token"  # noqa: S105 - a path
STATE: Final = "/dev/state"


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True)


class DevToken(_Shown):
    """What a User Service would give its user."""

    token: str


class BucketShown(_Shown):
    """A bucket in which somebody waits."""

    difficulty: Difficulty
    topic: str
    waiting: int
    oldest_wait_seconds: float


class MailboxShown(_Shown):
    """All actors of one kind."""

    kind: str
    actors: int
    letters: int
    """Waiting in their mailboxes, together."""


class EventShown(_Shown):
    """One row of the outbox."""

    event_id: EventId
    routing_key: str
    created_at: Moment
    published_at: Moment | None
    body: dict[str, JsonValue]


class DevState(_Shown):
    """One look at everything."""

    dependencies: dict[str, str]
    buckets: tuple[BucketShown, ...]
    """The fullest first; nothing while PostgreSQL is away."""
    mailboxes: tuple[MailboxShown, ...]
    events: tuple[EventShown, ...]
    """The latest, newest first."""
    events_waiting: int
    """In the whole outbox."""
    topics: tuple[str, ...]
    """Worth offering."""


class Backstage(Protocol):
    """Where this comes from."""

    def sign(self, user_id: UserId) -> str:
        """An access token of this user."""

    async def look(self) -> DevState:
        """How everything stands now; what cannot be read is left out."""


BACKSTAGE: Final = web.AppKey("backstage", Backstage)


class _WhoAmI(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    user_id: Annotated[str, Field(min_length=1)]


async def token(request: web.Request) -> web.StreamResponse:
    """A token for whoever you say you are."""
    wish = await read_body(request, _WhoAmI, {})
    signed = request.app[BACKSTAGE].sign(UserId(wish.user_id))
    try:
        request.app[SERVICES].authenticator.verify(signed)
    except Unauthorized:
        message = "A user id has 1 to 128 characters and none that separate, such as space, colon and comma."
        raise InvalidBody([{"field": "user_id", "code": "user_id", "message": message}]) from None
    return answer(DevToken(token=signed))


async def state(request: web.Request) -> web.StreamResponse:
    """Buckets, mailboxes, events, servers."""
    return answer(await request.app[BACKSTAGE].look())


def open_backstage(app: web.Application, backstage: Backstage) -> None:
    """Route the two pages."""
    app[BACKSTAGE] = backstage
    app.router.add_post(TOKEN, token, expect_handler=expect)
    app.router.add_get(STATE, state, expect_handler=expect, allow_head=False)
