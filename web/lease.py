"""How long a token keeps a socket open: until it expires, or its owner is gone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from domain.errors import NeighbourUnavailable
from web.auth import LEEWAY_SECONDS, Authenticator
from web.connection import CloseCode, Connection
from web.errors import Unauthorized
from web.handshake import token_of

LONGEST_TIMER_SECONDS: Final = 86_400


@contextmanager
def closing_at(connection: Connection, expires_at: float) -> Iterator[None]:
    """Close *connection* when its token has expired, at *expires_at* (epoch seconds) and the usual leeway."""
    loop = asyncio.get_running_loop()
    timer: asyncio.Handle

    def look() -> None:
        nonlocal timer
        left = expires_at + LEEWAY_SECONDS - time.time()
        if left > 0:
            timer = loop.call_later(min(left, LONGEST_TIMER_SECONDS), look)
        else:
            connection.close(CloseCode.UNAUTHORIZED, "the token has expired")

    timer = loop.call_soon(look)
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def rechecking(
    connection: Connection, authenticator: Authenticator, request: web.Request, every: float
) -> Iterator[None]:
    """Ask the User Service, where it is asked at all, about who sent *request*: *every* so many seconds or less."""
    if not authenticator.asks:
        yield
        return
    asking = asyncio.create_task(_recheck(connection, authenticator, token_of(request), every))
    try:
        yield
    finally:
        asking.cancel()


async def _recheck(connection: Connection, authenticator: Authenticator, token: str, every: float) -> None:
    while not connection.is_closing:
        # After a mass reconnect not everybody is asked about in the same second.
        await asyncio.sleep(every * random.uniform(0.5, 1))  # noqa: S311 - no secret
        try:
            await authenticator.identify(token)
        except NeighbourUnavailable:
            continue  # whoever was let in stays in while nobody says otherwise
        except Unauthorized as error:
            connection.close(CloseCode.UNAUTHORIZED, str(error))
