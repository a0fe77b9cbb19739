"""A process that holds sockets: reads orders from stdin, writes progress and attendances to stdout."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from time import monotonic
from typing import Final

import uvloop

from service.garbage import tend_garbage
from service.settings import Settings, load_settings_before_servers
from service.tokens import sign_token
from tests.load.busy import Busy
from tests.load.holding.attendance import Attendance
from tests.load.holding.room import make_room
from tests.load.holding.seat import Seat
from tests.load.worker import TELL_SECONDS, say
from web.paths import SOCKET

TOKEN_SECONDS: Final = 7200


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a holder is to do next."""

    verb: str
    """``seat``: let more people in.  ``storm``: drop all, and let them in again.  ``look``: who is there.
    ``leave``: drop all."""
    count: int = 0
    """How many more."""
    first: int = 0
    """The number of the first of them."""
    start: float = 0.0
    """When the first of them comes, by the machine's monotonic clock."""
    interval: float = 0.0
    """Seconds between two of them."""
    concurrency: int = 1
    """How many handshakes may be in flight in a storm."""
    replica: str = ""
    sources: Sequence[str] = ()

    def line(self) -> bytes:
        """The order as a line of stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"


class Holder:
    """Everyone who sits here."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seats: list[Seat] = []
        self._lost: Counter[str] = Counter()

    async def obey(self, order: Order) -> Attendance:
        """Do what *order* says."""
        told = Attendance()
        match order.verb:
            case "seat":
                await self._seat(order, told)
            case "storm":
                await self._storm(order, told)
            case "leave":
                self._drop()
            case _:
                pass  # to look is what follows anyway
        told.present = sum(seat.is_taken for seat in self._seats)
        told.lost = Counter(self._lost)
        self._lost.clear()  # the seats keep it
        return told

    async def _seat(self, order: Order, told: Attendance) -> None:
        more = list(islice(self._people(order), order.count))
        self._seats += more
        tend_garbage()
        moments = [order.start + number * order.interval for number in range(order.count)]
        await self._let_in(more, moments, contextlib.nullcontext, told)

    async def _storm(self, order: Order, told: Attendance) -> None:
        self._drop()
        turns = asyncio.Semaphore(order.concurrency)
        await self._let_in(self._seats, [monotonic()] * len(self._seats), lambda: turns, told)

    def _drop(self) -> None:
        for seat in self._seats:
            seat.drop()

    def _people(self, order: Order) -> Iterator[Seat]:
        for number, source in enumerate(cycle(order.sources), order.first):
            token = sign_token(self._settings, f"holder-{number}", lifetime_seconds=TOKEN_SECONDS)
            yield Seat(f"{order.replica}{SOCKET}?token={token}", source, self._lost)

    async def _let_in(
        self,
        seats: Sequence[Seat],
        moments: Sequence[float],
        turn: Callable[[], contextlib.AbstractAsyncContextManager[object]],
        told: Attendance,
    ) -> None:
        if (ahead := (moments[0] if moments else 0.0) - monotonic()) > 0:
            await asyncio.sleep(ahead)
        busy, telling = Busy(), asyncio.create_task(_tell(told))
        async with asyncio.TaskGroup() as crowd:
            for seat, moment in zip(seats, moments, strict=True):
                if (ahead := moment - monotonic()) > 0:
                    await asyncio.sleep(ahead)
                crowd.create_task(seat.take(moment, turn(), told))
        telling.cancel()
        told.busy = busy.share()


async def _tell(told: Attendance) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        say({"progress": len(told.moments)})


async def hold() -> None:
    """Obey until there is nothing more to read."""
    holder = Holder(load_settings_before_servers())
    make_room(1_000_000)
    say({"up": True})
    while line := await asyncio.to_thread(sys.stdin.readline):
        say({"attendance": (await holder.obey(Order(**json.loads(line)))).as_json()})


if __name__ == "__main__":
    uvloop.run(hold())
