"""One socket of a user, and everything that comes over it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

from tests.chaos.evidence import Frame, SocketLife
from tests.chaos.people.ledger import Ledger
from tests.load import sockets

GREETING_SECONDS: Final = 4.0
"""How long the handshake, and then the first frame, may take."""

LEFT: Final = 1000
"""The code with which the user itself closes."""

LOST: Final = 1006
"""There was no close frame."""

Hear = Callable[[dict[str, Any]], None]
"""Told every frame."""


class Sitting:
    """From the handshake to the end."""

    def __init__(self, *, number: int, replica: int, user_id: str, ledger: Ledger, hear: Hear) -> None:
        """*number* is different for every socket of a run."""
        self.opened = 0.0
        """When the first frame came; 0.0 while there was none."""
        self._number = number
        self._replica = replica
        self._user_id = user_id
        self._ledger = ledger
        self._hear = hear
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def sit(self, url: str) -> int:
        """Returns the close code when it has ended; when this is cancelled, the user leaves."""
        code = LEFT
        try:
            code = await self._until_ended(url)
        finally:
            self._note(code)
        return code

    async def _until_ended(self, url: str) -> int:
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                socket = await sockets.connect(url, self._take, self._end)
        except (OSError, TimeoutError, sockets.Refused):
            return LOST
        impatience = asyncio.get_running_loop().call_later(GREETING_SECONDS, self._insist_on_greeting)
        try:
            return await self._ended
        finally:
            impatience.cancel()
            socket.close()

    def leave(self) -> None:
        """The user closes it."""
        self._end(LEFT)

    def _insist_on_greeting(self) -> None:
        if not self.opened:
            self._end(LOST)

    def _note(self, code: int) -> None:
        if self.opened:
            self._ledger.socket(
                SocketLife(
                    user_id=self._user_id,
                    socket=self._number,
                    replica=self._replica,
                    opened=self.opened,
                    closed=time.time(),
                    code=code,
                )
            )

    # -- what the socket calls -------------------------------------------------------------------

    def _take(self, text: bytes) -> None:
        now = time.time()
        self.opened = self.opened or now
        self._ledger.inspect(text)
        frame = json.loads(text)
        self._ledger.frame(Frame(user_id=self._user_id, socket=self._number, at=now, body=frame))
        self._hear(frame)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)
