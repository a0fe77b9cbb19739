"""Who is let in while there is more to do than can be done: those who are in already."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from web.doorkeeper import Doorkeeper
from web.errors import HANG_UP, Overloaded
from web.meter import WebMeter
from web.options import WebOptions
from web.paths import BASE, SOCKET

PROBES: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
"""Answered whatever happens: they say what does."""

NEWCOMERS: Final = frozenset({("POST", f"{BASE}/request"), ("GET", SOCKET)})
"""Who comes anew can come later.  Whoever is in a queue, a match or a session is served."""

MOST_RETRY_SECONDS: Final = 10


class Turnstile:
    """Lets so many through in a second; others come back spread over as many seconds as they need."""

    def __init__(self, per_second: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._ends_at = float("-inf")
        self._through = 0
        self._turned_away = 0

    def pass_through(self) -> None:
        """Count one.  Raises ``Overloaded`` when it is one too many."""
        now = self._clock()
        if now >= self._ends_at:
            self._ends_at, self._through, self._turned_away = now + 1, 0, 0
        if self._through < self._per_second:
            self._through += 1
            return
        self._turned_away += 1
        longest = min(1 + self._turned_away // self._per_second, MOST_RETRY_SECONDS)
        raise Overloaded(retry_after_seconds=random.randint(1, longest))  # noqa: S311 - jitter, no secret


class Admission:
    """Refuses newcomers while we are late, or too many requests are being answered."""

    def __init__(
        self, *, options: WebOptions, doorkeeper: Doorkeeper, lag: Callable[[], float], meter: WebMeter
    ) -> None:
        """*lag* says how late we are: the event loop, or the first frames of new sockets, in seconds."""
        self._doorkeeper = doorkeeper
        self._lag = lag
        self._meter = meter
        self._most_in_flight = options.max_requests_in_flight
        self._most_lag = options.max_lag_seconds
        self._handshakes = Turnstile(options.max_handshakes_per_second)
        self._in_flight = 0

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer to *request*.  Raises ``Overloaded``."""
        if request.path in PROBES:
            return await handler(request)
        if self._doorkeeper.is_surplus(request.transport):
            raise Overloaded(headers=HANG_UP)
        if (request.method, request.path) in NEWCOMERS:
            self._admit(request)
        if request.path == SOCKET:  # stays for hours
            return await handler(request)
        self._in_flight += 1
        try:
            return await handler(request)
        finally:
            self._in_flight -= 1

    def _expect_room(self) -> None:
        if self._in_flight >= self._most_in_flight or self._lag() > self._most_lag:
            raise Overloaded

    def _admit(self, request: web.Request) -> None:
        try:
            self._expect_room()
            if request.path == SOCKET:
                self._handshakes.pass_through()
        except Overloaded:
            self._meter.turned_away("handshake" if request.path == SOCKET else "request")
            raise
