"""Access tokens as the User Service signs them; every one is remembered, for the test that no log has it."""

from __future__ import annotations

import time

import jwt

SECRET = "the-secret-of-the-end-to-end-tests-0123456789"
ISSUED: set[str] = set()


def token_for(user_id: str, **claims: object) -> str:
    """A token that is good for an hour, unless *claims* say otherwise."""
    token = signed(user_id, **claims)
    ISSUED.add(token)
    return token


def signed(user_id: str, **claims: object) -> str:
    """The same, for a process in which nobody looks for it later."""
    now = int(time.time())
    return jwt.encode({"sub": user_id, "iat": now, "exp": now + 3600, "type": "access"} | claims, SECRET, "HS256")
