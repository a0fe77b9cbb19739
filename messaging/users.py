"""The User Service client: whether a token still belongs to its user."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

import jwt
from aiohttp import ClientSession
from pydantic import TypeAdapter

from domain.errors import NeighbourUnavailable
from domain.ids import UserId
from messaging.meter import Meter
from messaging.neighbour import Neighbour, Reply
from messaging.pace import Clock, Rest

SERVICE: Final = "user_service"
PATH: Final = "/users/me"
MOST_BYTES: Final = 64 * 1024
KEPT_SECONDS: Final = 60.0
MOST_KEPT: Final = 20_000
REST_SECONDS: Final = 1.0
_REFUSALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_JSON: Final = TypeAdapter[Any](Any)
_ID_NAMES: Final = ("id", "user_id", "sub")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Whose the service said a token is, and until when we believe it."""

    ids: frozenset[str]
    until: float


class UserService:
    """Asks the User Service, and keeps its answer for a minute, but never longer than the token lives.

    After a failure nothing is asked for a second.  Tokens are neither kept nor told to anybody else.
    """

    def __init__(self, *, url: str, session: ClientSession, meter: Meter, clock: Clock = time.monotonic) -> None:
        self._neighbour = Neighbour(name=SERVICE, url=url, session=session, meter=meter, most_bytes=MOST_BYTES)
        self._clock = clock
        self._rest = Rest(seconds=REST_SECONDS, clock=clock)
        self._verdicts: OrderedDict[bytes, _Verdict] = OrderedDict()

    async def is_valid(self, token: str, user_id: UserId) -> bool:
        """Whether the User Service knows *token* as that of *user_id*; repeatable.

        Raises :class:`~domain.errors.NeighbourUnavailable` when it does not say.
        """
        key = sha256(token.encode()).digest()
        verdict = self._verdicts.get(key)
        if verdict is None or self._clock() >= verdict.until:
            verdict = await self._ask(token)
            self._keep(key, verdict)
        return user_id in verdict.ids

    async def _ask(self, token: str) -> _Verdict:
        if self._rest.is_on:
            raise NeighbourUnavailable(SERVICE, "it failed a moment ago")
        try:
            reply = await self._neighbour.get(PATH, headers={"Authorization": f"Bearer {token}"})
            ids = self._ids(reply)
        except NeighbourUnavailable:
            self._rest.begin()
            raise
        return _Verdict(ids, self._clock() + min(KEPT_SECONDS, _seconds_left(token)))

    def _ids(self, reply: Reply) -> frozenset[str]:
        if reply.status in _REFUSALS:
            return frozenset()
        if not reply.is_ok:
            raise self._neighbour.unavailable(f"answered {reply.status}")
        ids = frozenset(_ids_in(reply.body))
        if not ids:
            raise self._neighbour.unavailable("its answer names no user")
        return ids

    def _keep(self, key: bytes, verdict: _Verdict) -> None:
        self._verdicts[key] = verdict
        self._verdicts.move_to_end(key)
        while len(self._verdicts) > MOST_KEPT:
            self._verdicts.popitem(last=False)


def _ids_in(body: bytes) -> Iterator[str]:
    """What an answer calls its user, at the top or below ``data`` or ``user``."""
    try:
        document = _JSON.validate_json(body)
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    for place in (document, document.get("data"), document.get("user")):
        if isinstance(place, dict):
            yield from (str(place[name]) for name in _ID_NAMES if isinstance(place.get(name), int | str))


def _seconds_left(token: str) -> float:
    """Until the token expires by its own word; the caller has verified it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return float(claims.get("exp", float("inf"))) - time.time()
    except (jwt.InvalidTokenError, TypeError, ValueError):
        return 0.0
