"""Starting actors, replacing the fallen and the hung, stopping them all in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import structlog

from actors.ports import Meter
from actors.runtime import Address, Letter, Resident
from actors.watch import PATIENCE_SECONDS, HangWatch, Hung
from domain.errors import Stopping

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Between two looks for actors that hang."""

M = TypeVar("M")


class System:
    """A one-for-one supervisor of actors whose addresses outlive them.

    An actor that dies is replaced by a new one from the same factory, which inherits the unread mail and
    finds its state again in ``started()``.  One that keeps dying brings the system down: ``crashed`` then
    holds its last error, for the process to exit with, since an orchestrator restarts it cleaner.

    An actor that hangs is replaced in the same way, and as often as that takes: another process would hang
    there too.
    """

    def __init__(
        self, *, meter: Meter, most_restarts: int = 5, within: float = 60.0, watch: HangWatch | None = None
    ) -> None:
        self.crashed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._meter = meter
        self._most_restarts = most_restarts
        self._within = within
        self._addresses: dict[Address[Any], None] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._watch = watch or HangWatch(patience_seconds=PATIENCE_SECONDS)
        self._watching = asyncio.get_running_loop().create_task(self._keep_watch(), name="watch for hung actors")

    def spawn(self, make: Callable[[], Resident[M]], *, mailbox_limit: int) -> Address[M]:
        """Start an actor of *make* and return its address.  *mailbox_limit* letters may wait there."""
        first = make()
        address: Address[M] = Address(type(first).__name__)
        deaths: deque[float] = deque(maxlen=self._most_restarts)

        def move_in(actor: Resident[M], unread: list[Any]) -> None:
            actor.actor_inbox.limit = mailbox_limit
            actor.died = bury
            address.move_in(actor, unread=unread)

        def bury(error: Exception, unread: list[Any]) -> None:
            if isinstance(error, Hung):
                move_in(make(), unread)
                return
            now = time.monotonic()
            if len(deaths) == self._most_restarts and now - deaths[0] < self._within:
                log.critical("an actor keeps failing", action="give_up", actor=address.kind)
                for envelope in unread:
                    Letter(envelope).refuse(Stopping())
                if not self.crashed.done():
                    self.crashed.set_exception(error)
                return
            deaths.append(now)
            self._meter.actor_restarted(address.kind)
            move_in(make(), unread)

        self._addresses[address] = None
        move_in(first, [])
        return address

    def retire(self, address: Address[Any]) -> None:
        """Let one actor go: what is in its mailbox is still handled."""
        if self._addresses.pop(address, self) is None:
            leaving = asyncio.get_running_loop().create_task(address.vacate(), name=f"retire {address.kind}")
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def depths(self) -> Iterator[tuple[str, int]]:
        """Kind and mailbox depth of every actor."""
        return ((address.kind, address.depth) for address in self._addresses)

    async def stop(self) -> None:
        """Let every actor finish its mail and errands, the last started first."""
        while self._addresses:
            address = next(reversed(self._addresses))
            await address.vacate()
            self._addresses.pop(address, None)  # watched until then: one that hangs would never leave
        await asyncio.gather(*self._leaving)
        self._watching.cancel()
        await asyncio.wait([self._watching])

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.replace_hung()

    def replace_hung(self) -> None:
        """Give up every actor that hangs; its successor gets the mail behind the message that it hangs at."""
        for address, standstill in self._watch.look(self._addresses):
            log.error("an actor hangs", action="actor_hangs", actor=address.kind, where=standstill.where)
            self._meter.actor_hung(address.kind)
            address.give_up(Hung(address.kind))
