"""A replica that somebody looks after."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Final

from tests.chaos.evidence import Exit
from tests.e2e.replica import STOP_SECONDS, Replica
from tests.e2e.waiting import until

PAUSE_SECONDS: Final = 0.5
"""Between an end that nobody asked for and the next start."""
READY_SECONDS: Final = 60.0
"""A start, and whatever else may be broken at the time."""
LOOK_SECONDS: Final = 0.1


class Resident:
    """A replica on a port of its own, started again whenever it ends, unless it is to be down.

    ::

        DOWN --start--> UP --kill, terminate--> DOWN
                        |  ^
                        ends by itself, and is started again
    """

    def __init__(
        self, number: int, replica: Replica, *, note: Callable[[Exit], None], is_excused: Callable[[], bool]
    ) -> None:
        """*note* is told of every end; *is_excused* says whether an end by itself is no wonder at the moment."""
        self.number = number
        self.replica = replica
        replica.url = f"http://127.0.0.1:{replica.environment['PORT']}"
        self._note = note
        self._is_excused = is_excused
        self._is_wanted = asyncio.Event()
        self._has_ended = asyncio.Event()
        self._has_ended.set()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return self.replica.url

    @property
    def pid(self) -> int | None:
        """Of its process, while there is one."""
        return None if self._has_ended.is_set() else self.replica.process.pid

    def launch(self) -> None:
        """Have it up from now on; returns at once."""
        self._is_wanted.set()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    async def start(self) -> None:
        """Have it up from now on; returns when it wants traffic."""
        self.launch()
        await self.until_ready()

    async def until_ready(self) -> None:
        """Returns when it wants traffic; fails after a minute."""
        await until(self.replica.is_ready, seconds=READY_SECONDS, every=LOOK_SECONDS, what=f"{self.url} is ready")

    def send(self, number: signal.Signals) -> None:
        """A signal to its process, if there is one."""
        if self.pid is not None:
            self.replica.send(number)

    async def kill(self) -> None:
        """End it as a power cut does, and keep it down."""
        self._is_wanted.clear()
        self.send(signal.SIGKILL)
        await self._ended()

    async def terminate(self) -> None:
        """Stop it as an orchestrator does, who loses patience in the end; keeps it down."""
        self._is_wanted.clear()
        self.send(signal.SIGTERM)
        try:
            await self._ended()
        except TimeoutError:
            await self.kill()

    async def close(self) -> None:
        """End it and its care, whatever state it is in."""
        self._is_wanted.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        await self.replica.close()

    async def _ended(self) -> None:
        async with asyncio.timeout(STOP_SECONDS):
            await self._has_ended.wait()

    async def _keep(self) -> None:
        while True:
            await self._is_wanted.wait()
            await self.replica.launch()
            self._has_ended.clear()
            if not self._is_wanted.is_set():  # it was to be down before its process was there
                self.send(signal.SIGKILL)
            code = await self.replica.process.wait()
            asked_for = not self._is_wanted.is_set() or self._is_excused()
            self._note(Exit(replica=self.number, at=time.time(), code=code, asked_for=asked_for))
            self._has_ended.set()
            if self._is_wanted.is_set():
                await asyncio.sleep(PAUSE_SECONDS)
