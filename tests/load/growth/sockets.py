"""More and more idle sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.progress import Progress

from tests.load import house
from tests.load.growth.subject import Figures, Subject
from tests.load.holding import hall
from tests.load.holding.findings import Wave, per_unit
from tests.load.holding.hall import Hall
from tests.load.holding.room import make_room

GROWS = "sockets"


async def measure(
    sizes: Sequence[int], rate: float, seconds: float, stage: house.Stage, bar: Progress, notes: list[str]
) -> list[Subject]:
    """What each costs to open and to keep, and takes in the service."""
    room = make_room(max(sizes))
    if room < max(sizes):
        notes.append(f"{room:,} SOCKETS INSTEAD OF {max(sizes):,}: a process may open no more files (ulimit -Hn).")
    memory: list[tuple[int, Figures]] = []
    opening: list[tuple[int, Figures]] = []
    keeping: list[tuple[int, Figures]] = []
    async with hall.opened(stage, workers=1) as place:
        for size in sorted({min(size, room) for size in sizes}):
            wave, kib, idle = await _more(size - place.seats, rate, seconds, place, bar)
            notes += [
                f"On the way to {size:,} sockets, {times:,} attempts failed with {status}; they were repeated."
                for status, times in wave.refused.items()
            ]
            if wave.came < wave.wanted:
                notes.append(f"OF {wave.wanted:,} MORE SOCKETS ONLY {wave.came:,} CAME TO BE.")
            memory.append((size, {"service": kib}))
            opening.append((size, wave.cpu_ms_per_socket))
            keeping.append((size, idle))
    return [
        Subject(title="Memory of one more socket in the service, KiB", grows=GROWS, points=memory),
        Subject(title="CPU per handshake, ms", grows=GROWS, points=opening),
        Subject(title="CPU of an idle socket in a second, µs", grows=GROWS, points=keeping),
    ]


async def _more(more: int, rate: float, seconds: float, place: Hall, bar: Progress) -> tuple[Wave, float, Figures]:
    task = bar.add_task(f"{place.seats + more:,} {GROWS}", total=more)
    before = place.usage()
    start, told = await place.seat(more, rate, lambda done: bar.update(task, completed=done))
    bar.update(task, completed=more)
    opened = place.usage()
    await asyncio.sleep(seconds)
    rested = place.usage()
    grown = (rested["service"].rss_bytes - before["service"].rss_bytes) / 1024 / more if rested else 0.0
    wave = Wave.of(more, start, told, before, opened)
    return wave, round(grown, 2), per_unit(opened, rested, 1e6, place.seats * seconds)
