"""Opens sockets, leaves them idle, drops all at once and lets them come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.progress import Progress

from tests.load import house
from tests.load.holding import hall
from tests.load.holding.findings import Memory, SocketsReport, Wave, per_unit
from tests.load.holding.hall import Hall
from tests.load.holding.room import RESERVED, make_room
from tests.load.numbers import Latency
from tests.load.processes import Usage
from tests.load.report import Generator

STEPS = 20
"""Of the progress bar while sockets are idle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketsPlan:
    """What is asked for."""

    sockets: int = 1000
    rate: float = 500.0
    """Sockets that are opened in a second."""
    seconds: float = 20.0
    """How long they are idle."""
    storm: bool = True
    concurrency: int = 500
    """Handshakes in flight in the storm."""
    workers: int = 1
    warm_up: int = 100
    """Sockets that are opened before anything is measured, and stay."""
    settle: float = 1.0
    """Seconds before memory is looked at."""
    fsync: bool = True


async def measure(plan: SocketsPlan, console: Console, stage: house.Stage | None = None) -> SocketsReport:
    """Run it, on private servers when no *stage* is given.  Raises ``StartFailed``."""
    room = max(1, make_room(plan.sockets + plan.warm_up) - plan.warm_up)
    with contextlib.ExitStack() as stack:
        stage = stage or stack.enter_context(house.private_servers(rabbitmq=False, fsync=plan.fsync))
        async with hall.opened(stage, plan.workers) as place:
            with Progress(console=console) as bar:
                return await _Run(plan, room, place, bar).report(await stage.versions())


@dataclass(frozen=True, slots=True)
class _Run:
    plan: SocketsPlan
    room: int
    place: Hall
    bar: Progress

    async def report(self, server_versions: Mapping[str, str]) -> SocketsReport:
        """Everything in turn."""
        plan, place = self.plan, self.place
        await place.seat(plan.warm_up, plan.rate, lambda _: None)
        before = await self._settled()
        opening, generator = await self._open(before)
        settled = await self._settled()
        await self._idle()
        idle = place.usage()
        seated = await place.look()
        storm = await self._storm(idle) if plan.storm else None
        stormed = await self._settled()
        last = await place.look()
        await place.empty()
        after = await self._settled()
        rss = [_rss_mib(look) for look in (before, settled, stormed, after)]
        return SocketsReport(
            program="sockets",
            plan=asdict(plan),
            wanted=plan.sockets,
            present=seated.present - plan.warm_up,
            opening=opening,
            storm=storm,
            memory_mib=Memory(before=rss[0], with_all=rss[1], after_storm=rss[2], after_all=rss[3]),
            idle_cpu_us=per_unit(settled, idle, 1e6, seated.present * plan.seconds),
            generator=generator,
            errors=_errors(seated.lost + last.lost),
            complaints=dict(place.replica.complaints()),
            caveats=self._caveats(),
            server_versions=server_versions,
        )

    async def _open(self, before: Mapping[str, Usage]) -> tuple[Wave, Generator]:
        task = self.bar.add_task("opening", total=self.room)
        start, told = await self.place.seat(
            self.room, self.plan.rate, lambda done: self.bar.update(task, completed=done)
        )
        self.bar.update(task, completed=len(told.moments))
        wave = Wave.of(self.room, start, told, before, self.place.usage())
        return wave, Generator(Latency.of(told.lag), round(told.busy, 3))

    async def _storm(self, before: Mapping[str, Usage]) -> Wave:
        everyone = self.room + self.plan.warm_up
        task = self.bar.add_task("storm", total=everyone)
        start, told = await self.place.storm(self.plan.concurrency, lambda done: self.bar.update(task, completed=done))
        self.bar.update(task, completed=len(told.moments))
        return Wave.of(everyone, start, told, before, self.place.usage())

    async def _settled(self) -> Mapping[str, Usage]:
        await asyncio.sleep(self.plan.settle)
        return self.place.usage()

    async def _idle(self) -> None:
        for _ in self.bar.track(range(STEPS), description="idle"):
            await asyncio.sleep(self.plan.seconds / STEPS)

    def _caveats(self) -> list[str]:
        found = ["Tokens are verified once and remembered: whoever comes back in the storm costs less than a newcomer."]
        if self.room < self.plan.sockets:
            found.append(
                f"KEPT BELOW {self.plan.sockets:,} SOCKETS, AT {self.room:,}: the system lets a process open no more "
                f"files (ulimit -Hn); {RESERVED + self.plan.warm_up} are for other things."
            )
        if self.plan.storm:
            found.append(
                f"In the storm {self.plan.concurrency} handshakes are in flight at once; whoever waits for its turn "
                "is counted in 'state', and not in 'handshake'."
            )
        if not self.plan.fsync:
            found.append("The stores did not wait for the disk.")
        return found


def _rss_mib(look: Mapping[str, Usage]) -> float:
    return round(look["service"].rss_bytes / 2**20, 1) if look else 0.0


def _errors(lost: Counter[str]) -> dict[str, int]:
    return {f"socket closed by the service with {code}": count for code, count in lost.items()}
