"""A token's way to a user id."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt

from domain.ids import UserId
from web.errors import Unauthorized

LEEWAY_SECONDS: Final = 10
"""How far the issuer's clock may be from ours."""

MAX_ISSUED_AHEAD_SECONDS: Final = 60
MAX_TOKEN_LENGTH: Final = 4096
MAX_USER_ID_LENGTH: Final = 128
LAST_MOMENT: Final = 2**53
"""No token lasts longer, in epoch seconds: beyond it a float is no exact clock."""

REMEMBERED: Final = 50_000

_SEPARATORS = frozenset(" :*?[]{}\\\"'<>`,;")
"""What separates or globs in our keys and channels, or quotes in logs.  Other spaces than this are not printable."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who presented a token, and until when it counts."""

    user_id: UserId
    expires_at: float
    """Epoch seconds, as the token has it."""

    def counts(self, now: float) -> bool:
        return now < self.expires_at + LEEWAY_SECONDS


class Users(Protocol):
    """The User Service."""

    async def is_valid(self, token: str, user_id: UserId) -> bool:
        """Whether it still knows the owner of *token* as *user_id*.  Raises ``NeighbourUnavailable``.

        Remembers its answers: asked on every call.
        """


class Authenticator:
    """Verifies HS256/384/512 access tokens; each once, then it is remembered until it expires."""

    def __init__(
        self,
        *,
        secret: str,
        algorithm: str,
        issuer: str | None = None,
        audience: str | None = None,
        users: Users | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._algorithms = [algorithm]
        self._claims: dict[str, Any] = {"issuer": issuer, "audience": audience}
        self._options: jwt.types.Options = {
            "require": ["exp", "sub"],
            "verify_aud": audience is not None,
            "verify_iat": False,  # checked below, with a wider margin
        }
        self._users = users
        self._clock = clock
        self._remembered: OrderedDict[bytes, Identity] = OrderedDict()

    @property
    def asks(self) -> bool:
        """Whether the User Service is asked, so that its answer may change while a token lives."""
        return self._users is not None

    async def identify(self, token: str) -> Identity:
        """Who presents *token*.  Raises ``Unauthorized``, and ``NeighbourUnavailable`` when it has to ask."""
        identity = self.verify(token)
        if self._users is not None and not await self._users.is_valid(token, identity.user_id):
            raise Unauthorized("the user is unknown")
        return identity

    def verify(self, token: str) -> Identity:
        """Whom *token* names, by its signature and claims alone.  Raises ``Unauthorized``."""
        if not token.isascii() or not 0 < len(token) <= MAX_TOKEN_LENGTH:
            raise Unauthorized("not a token")
        key = hashlib.sha256(token.encode("ascii")).digest()
        identity = self._remembered.get(key)
        if identity is None:
            identity = self._decoded(token)
            self._remember(key, identity)
        elif not identity.counts(self._clock()):
            del self._remembered[key]
            raise Unauthorized("the token has expired")
        else:
            self._remembered.move_to_end(key)
        return identity

    def _remember(self, key: bytes, identity: Identity) -> None:
        self._remembered[key] = identity
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    def _decoded(self, token: str) -> Identity:
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=self._algorithms,
                leeway=LEEWAY_SECONDS,
                options=self._options,
                **self._claims,
            )
        except jwt.ExpiredSignatureError:
            raise Unauthorized("the token has expired") from None
        except (jwt.PyJWTError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            # Whatever a forged token makes the decoder stumble over, it is no token.
            raise Unauthorized("the token is not valid") from None
        return self._identity(claims)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        expires_at, issued_at, user_id = claims["exp"], claims.get("iat", 0), claims["sub"]
        if (
            type(expires_at) is not int
            or expires_at > LAST_MOMENT
            or claims.get("type", "access") != "access"
            or not _is_user_id(user_id)
        ):
            raise Unauthorized("the token is not valid")
        if type(issued_at) not in (int, float) or issued_at > self._clock() + MAX_ISSUED_AHEAD_SECONDS:
            raise Unauthorized("the token is not valid")
        identity = Identity(UserId(user_id), expires_at)
        if not identity.counts(self._clock()):
            raise Unauthorized("the token has expired")
        return identity


def _is_user_id(sub: object) -> bool:
    return (
        isinstance(sub, str)
        and 1 <= len(sub) <= MAX_USER_ID_LENGTH
        and sub.isprintable()
        and _SEPARATORS.isdisjoint(sub)
    )


def bearer(header: str) -> str:
    """The token of an ``Authorization`` header.  Raises ``Unauthorized``."""
    scheme, _, token = header.partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not token or " " in token:
        raise Unauthorized("send Authorization: Bearer and the token")
    return token
