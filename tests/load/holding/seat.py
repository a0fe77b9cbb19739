"""One who wants a socket, and comes back until there is one."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import AbstractAsyncContextManager
from time import monotonic
from typing import Final

from tests.load import sockets
from tests.load.holding.attendance import Attendance

PATIENCE_SECONDS: Final = 60.0
"""How long somebody tries to get in."""

ANSWER_SECONDS: Final = 30.0
"""How long one attempt may take."""

PAUSE_SECONDS: Final = 1.0
"""Before the next attempt, when nobody said how long to wait."""


class Seat:
    """A user with a socket, or without."""

    __slots__ = ("_came", "_lost", "_socket", "_source", "_url")

    def __init__(self, url: str, source: str | None, lost: Counter[str]) -> None:
        self._url = url
        self._source = source
        self._lost = lost
        self._socket: sockets.Socket | None = None
        self._came: asyncio.Future[float] | None = None

    @property
    def is_taken(self) -> bool:
        return self._socket is not None

    def drop(self) -> None:
        """Hang up without a word."""
        if self._socket is not None:
            self._socket.drop()
            self._socket = None

    async def take(self, intended: float, turn: AbstractAsyncContextManager[object], told: Attendance) -> None:
        """Come in, with an attempt for each *turn*; *told* learns how it went."""
        told.lag.append(monotonic() - intended)
        until = monotonic() + PATIENCE_SECONDS
        while self._socket is None and monotonic() < until:
            pause = PAUSE_SECONDS
            try:
                async with turn:
                    await self._try(intended, told)
            except sockets.Refused as error:
                told.refused[str(error)] += 1
                pause = error.retry_after or pause
            except (OSError, TimeoutError) as error:
                told.refused[type(error).__name__] += 1
            if self._socket is None:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _try(self, intended: float, told: Attendance) -> None:
        began, self._came = monotonic(), asyncio.get_running_loop().create_future()
        async with asyncio.timeout(ANSWER_SECONDS):
            self._socket = await sockets.connect(self._url, self._hear, self._end, self._source)
            shaken = monotonic()
            try:
                came = await self._came
            except BaseException:
                self.drop()
                raise
        self._came = None
        told.handshakes.append(min(shaken, came) - began)  # both may arrive together, before we are woken
        told.moments.append(came)
        told.took.append(came - intended)

    def _hear(self, _: bytes) -> None:
        """The first frame is the state."""
        if self._came is not None and not self._came.done():
            self._came.set_result(monotonic())

    def _end(self, code: int) -> None:
        if self._came is not None and not self._came.done():
            self._came.set_exception(sockets.Refused(f"closed with {code}"))
            self._came.exception()  # nobody asks when the handshake was refused already
        elif self._socket is not None:
            self._socket = None
            self._lost[str(code)] += 1
