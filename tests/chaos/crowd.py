"""The users, seen from the program that lets them in: they live in processes of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chaos.people.ledger import Tally
from tests.chaos.people.shift import Shift
from tests.chaos.plan import PROJECT, ChaosPlan

MOST_USERS: Final = 1500
"""At once; whoever would come then is turned away, and counted."""

WORKERS: Final = 1
"""One costs far less than a core at the rates that two cores can serve."""

STOP_SECONDS: Final = 5.0

Progress = Callable[[dict[str, Any]], None]
"""Told the counts of :class:`~tests.chaos.people.ledger.Tally` so far, about twice a second."""


class WorkerLost(Exception):
    """A process of the crowd ended by itself."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Users who wait to be let in."""

    workers: Sequence[Process]
    shifts: Sequence[Shift]

    @property
    def pids(self) -> list[int]:
        """Of the processes, for whoever watches what they cost."""
        return [worker.pid for worker in self.workers]

    async def play(self, progress: Progress) -> Tally:
        """Returns when the last has gone home: who came, what was answered, whether any output had a token.

        Raises :class:`WorkerLost`.
        """
        latest = dict.fromkeys(self.pids, Tally())

        def note(pid: int, tally: Tally) -> None:
            latest[pid] = tally
            progress(Tally.sum(latest.values()).as_json())

        played = (_play(worker, shift, note) for worker, shift in zip(self.workers, self.shifts, strict=True))
        await asyncio.gather(*played)
        return Tally.sum(latest.values())


@contextlib.asynccontextmanager
async def gathered(
    plan: ChaosPlan, urls: Sequence[str], folder: Path, *, workers: int = WORKERS
) -> AsyncIterator[Crowd]:
    """The crowd of *plan* before *urls*, which writes its evidence into *folder*; gone with the block."""
    async with contextlib.AsyncExitStack() as stack:
        running = [await stack.enter_async_context(_started()) for _ in range(workers)]
        for worker in running:
            await _hear(worker)  # that it is up
        yield Crowd(running, Shift.deal(plan, urls, str(folder.resolve()), most=MOST_USERS, of=workers))


@contextlib.asynccontextmanager
async def _started() -> AsyncIterator[Process]:
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.worker"),
        cwd=PROJECT,
        stdin=PIPE,
        stdout=PIPE,
        start_new_session=True,  # a Ctrl-C is for whoever started it, who then closes its stdin
    )
    try:
        yield worker
    finally:
        await _stop(worker)


async def _play(worker: Process, shift: Shift, note: Callable[[int, Tally], None]) -> None:
    assert worker.stdin is not None
    worker.stdin.write(shift.line())
    while True:
        message = await _hear(worker)
        if "tally" in message:
            note(worker.pid, Tally(**message["tally"]))
            return
        note(worker.pid, Tally(**message["progress"]))


async def _hear(worker: Process) -> dict[str, Any]:
    assert worker.stdout is not None
    line = await worker.stdout.readline()
    if not line:
        raise WorkerLost("a process of the crowd has ended; its reason is above")
    message: dict[str, Any] = json.loads(line)
    return message


async def _stop(worker: Process) -> None:
    """Its evidence is written out, unless it takes too long."""
    if worker.stdin is not None:
        worker.stdin.close()
    try:
        await asyncio.wait_for(worker.wait(), STOP_SECONDS)
    except TimeoutError:
        worker.kill()
        await worker.wait()
