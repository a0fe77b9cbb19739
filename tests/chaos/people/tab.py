"""One tab of a user's browser: a socket that is opened again, wherever it can be, when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Final

from tests.chaos.people.caller import Caller
from tests.chaos.people.sitting import Hear, Sitting
from tests.chaos.people.street import Street
from web.connection import CloseCode
from web.paths import SOCKET

LONGEST_PAUSE_SECONDS: Final = 3.0
FINAL: Final = frozenset({CloseCode.UNAUTHORIZED, CloseCode.FORBIDDEN_ORIGIN, CloseCode.REPLACED})
"""A client does not come back after these."""


class Tab:
    """Open from the first :meth:`open` to :meth:`close`, with gaps."""

    def __init__(self, caller: Caller, street: Street, chance: random.Random, hear: Hear) -> None:
        self._caller = caller
        self._street = street
        self._chance = chance
        self._hear = hear
        self._sitting: Sitting | None = None
        self._staying: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to connect."""
        self._staying = asyncio.create_task(self._stay())

    def move(self) -> None:
        """Drop the socket, as a phone does that changes networks; it comes back at another replica."""
        if self._sitting is not None:
            self._sitting.leave()

    async def close(self) -> None:
        """Say goodbye.  Raises what went wrong with this tab."""
        if self._staying is not None:
            self._staying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._staying

    async def _stay(self) -> None:
        door, replica, failures = self._street.door, None, 0
        while True:
            replica = door.choose(self._chance, but=replica)
            sitting = self._sitting = self._sit_down(replica)
            code = await sitting.sit(f"{door.urls[replica]}{SOCKET}?token={self._caller.token}")
            if code in FINAL:
                return
            if not sitting.opened:
                door.blame(replica)
            failures = 0 if sitting.opened else failures + 1
            await asyncio.sleep(min(0.1 * 2**failures, LONGEST_PAUSE_SECONDS) * self._chance.uniform(0.2, 1))

    def _sit_down(self, replica: int) -> Sitting:
        return Sitting(
            number=next(self._street.numbers),
            replica=replica,
            user_id=self._caller.user_id,
            ledger=self._street.ledger,
            hear=self._hear,
        )
