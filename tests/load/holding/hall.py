"""A service of its own, and those who hold sockets to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from tests.load import house, processes
from tests.load.crew import Crew, hired
from tests.load.holding.attendance import Attendance
from tests.load.holding.holder import Order
from tests.load.holding.room import sources
from tests.load.processes import Group, Usage

LEAD_SECONDS: Final = 0.3
SIGNING_SECONDS: Final = 0.0002
"""For one token, with room to spare."""

EMPTY_SECONDS: Final = 60.0
"""How long the service may take to notice that all are gone."""

POLL_SECONDS: Final = 0.1

Progress = Callable[[int], None]


@dataclass(slots=True)
class Hall:
    """Where people come, stay, and come back."""

    replica: house.Replica
    crew: Crew
    groups: dict[str, Group]
    seats: int = 0

    async def seat(self, more: int, rate: float, progress: Progress) -> tuple[float, Attendance]:
        """When the first of so many *more* was to come, at *rate* a second, and how it went."""
        workers = len(self.crew.pids)
        shares = [len(range(number, more, workers)) for number in range(workers)]
        start = monotonic() + LEAD_SECONDS + max(shares) * SIGNING_SECONDS
        orders = []
        for number, share in enumerate(shares):
            orders.append(self._order("seat", share, start + number / rate, workers / rate))
            self.seats += share
        return start, await self._ask(orders, progress)

    def _order(self, verb: str, count: int, start: float, interval: float) -> Order:
        return Order(
            verb=verb, count=count, first=self.seats, start=start, interval=interval, replica=self.replica.url,
            sources=sources(self.seats + count),
        )  # fmt: skip

    async def storm(self, concurrency: int, progress: Progress) -> tuple[float, Attendance]:
        """When all were dropped, and how they came back."""
        each = max(1, concurrency // len(self.crew.pids))
        start = monotonic()
        return start, await self._all(Order(verb="storm", concurrency=each), progress)

    async def look(self) -> Attendance:
        """Who is there."""
        return await self._all(Order(verb="look"), lambda _: None)

    async def empty(self) -> None:
        """Returns when all are gone and the service knows it, or after a while."""
        await self._all(Order(verb="leave"), lambda _: None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EMPTY_SECONDS):
                await self._until_empty()

    async def _until_empty(self) -> None:
        while True:
            if not await asyncio.to_thread(self._open_sockets):
                return
            await asyncio.sleep(POLL_SECONDS)

    def usage(self) -> dict[str, Usage]:
        """What each group of processes has used so far."""
        return processes.usage(self.groups)

    async def _all(self, order: Order, progress: Progress) -> Attendance:
        return await self._ask([replace(order) for _ in self.crew.pids], progress)

    async def _ask(self, orders: list[Order], progress: Progress) -> Attendance:
        answers = await self.crew.ask([order.line() for order in orders], progress)
        return Attendance.sum(Attendance.read(answer["attendance"]) for answer in answers)

    def _open_sockets(self) -> float:
        with urllib.request.urlopen(f"{self.replica.url}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("matching_sockets "))


@contextlib.asynccontextmanager
async def opened(stage: house.Stage, workers: int) -> AsyncIterator[Hall]:
    """A service over *stage*, and so many holders.  Raises ``StartFailed``."""
    with house.replicas(stage, 1) as [replica]:
        async with hired(workers, "tests.load.holding.holder") as crew:
            groups = {
                "service": Group([replica.process.pid]),
                **stage.groups,
                "generator": Group([os.getpid(), *crew.pids], with_children=False),
            }
            yield Hall(replica, crew, groups)
