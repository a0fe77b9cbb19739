"""Access tokens for trying things out, as the User Service would sign them."""

from __future__ import annotations

import time

import jwt

from service.errors import StartFailed
from service.settings import Settings


def sign_token(settings: Settings, user_id: str, *, lifetime_seconds: int) -> str:
    """An access token of this user; ``StartFailed`` outside ENV=dev: real tokens come from the User Service."""
    if not settings.is_dev:
        raise StartFailed(
            f"Tokens are signed here with ENV=dev only (it is {settings.env}): ask the User Service for one."
        )
    now = int(time.time())
    claims: dict[str, str | int] = {"sub": user_id, "iat": now, "exp": now + lifetime_seconds, "type": "access"}
    if settings.auth_issuer:
        claims["iss"] = settings.auth_issuer
    if settings.auth_audience:
        claims["aud"] = settings.auth_audience
    return jwt.encode(claims, settings.auth_access_secret.get_secret_value(), settings.auth_algorithm)
