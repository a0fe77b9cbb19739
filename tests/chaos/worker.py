"""A process of the crowd: ``python -m tests.chaos.worker``.

Reads a shift from stdin, lets its users live, writes counts to stdout; ends when stdin does.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, Final

import uvloop

from tests.chaos.people.door import Door
from tests.chaos.people.ledger import Ledger, Tally
from tests.chaos.people.person import Person
from tests.chaos.people.shift import Shift
from tests.chaos.people.street import Street
from tests.chaos.people.temper import Temper

TELL_SECONDS: Final = 0.5


async def play(shift: Shift) -> Tally:
    """Everybody comes, and has gone home; the evidence is in the folder."""
    ledger = Ledger(Path(shift.folder), f"users-{shift.number}")
    street = Street(
        door=Door(shift.urls),
        ledger=ledger,
        numbers=count(shift.number, shift.of),
        patience_seconds=shift.patience_seconds,
    )
    telling = asyncio.create_task(_tell(ledger.tally))
    try:
        async with asyncio.TaskGroup() as people:
            await _arrive(shift, street, people)
            street.is_open = False
    finally:
        telling.cancel()
        street.door.close()
        ledger.close()
    ledger.tally.cpu_seconds = _cpu_seconds()
    return ledger.tally


async def _arrive(shift: Shift, street: Street, people: asyncio.TaskGroup) -> None:
    tally, start = street.ledger.tally, monotonic()
    for number, moment in zip(count(shift.number, shift.of), arrivals(shift), strict=False):
        await asyncio.sleep(max(0.0, start + moment - monotonic()))
        if tally.arrived - tally.home >= shift.most:
            tally.turned_away += 1
            continue
        tally.arrived += 1
        people.create_task(_live(Person(Temper.of(shift.seed, number), street), tally))


def arrivals(shift: Shift) -> Iterator[float]:
    """Seconds from the start: at random, so that sometimes many come at once and sometimes nobody."""
    chance, moment = random.Random(f"{shift.seed}-arrivals-{shift.number}"), 0.0
    while (moment := moment + chance.expovariate(shift.rate / shift.of)) < shift.seconds:
        yield moment


async def _live(person: Person, tally: Tally) -> None:
    try:
        await person.live()
    finally:
        tally.home += 1


async def _tell(tally: Tally) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        tally.cpu_seconds = _cpu_seconds()
        _say(progress=tally.as_json())


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(**message: Any) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def work() -> None:
    """Play one shift, unless stdin ends before it does."""
    told = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    _say(up=True)
    if not (line := await told.readline()):
        return
    playing, leaving = asyncio.create_task(play(Shift.read(line))), asyncio.create_task(told.read())
    done, _ = await asyncio.wait((playing, leaving), return_when=asyncio.FIRST_COMPLETED)
    if playing in done:
        _say(tally=playing.result().as_json())
    else:
        playing.cancel()
        await asyncio.wait((playing,))  # which writes the evidence out


def main() -> None:
    """As many descriptors as the system allows, and nothing old looked at by the collector."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.freeze()
    uvloop.run(work())


if __name__ == "__main__":
    main()
