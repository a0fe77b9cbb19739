"""The generator processes, seen from the program that started them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.load.shift import Shift, Tally
from tests.load.surroundings import PROJECT
from tests.load.worker import line_of

LINE_LIMIT: Final = 2**28
"""Bytes of one message: a tally holds every measurement."""

Progress = Callable[[int], None]
"""Told how many users are done."""


class WorkerLost(Exception):
    """A generator process ended by itself."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers that play their shifts side by side."""

    workers: Sequence[Process]

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self.workers]

    async def play(self, shifts: Sequence[Shift], progress: Progress) -> Tally:
        """One shift for each; what came of all together."""
        answers = await self.ask([line_of(shift) for shift in shifts], progress)
        return Tally.sum(Tally.read(answer["tally"]) for answer in answers)

    async def ask(self, orders: Sequence[bytes], progress: Progress) -> list[dict[str, Any]]:
        """One order for each, as a line; their answers, in order."""
        done = dict.fromkeys(self.pids, 0)

        def note(pid: int, users: int) -> None:
            done[pid] = users
            progress(sum(done.values()))

        asked = (_ask(worker, order, note) for worker, order in zip(self.workers, orders, strict=True))
        return await asyncio.gather(*asked)


@contextlib.asynccontextmanager
async def hired(count: int, program: str = "tests.load.worker") -> AsyncIterator[Crew]:
    """So many generator processes; they end with the block."""
    command = (sys.executable, "-m", program)
    workers = [
        await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdin=PIPE, stdout=PIPE, limit=LINE_LIMIT)
        for _ in range(count)
    ]
    try:
        for worker in workers:
            await _hear(worker)  # that it is up
        yield Crew(workers)
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.terminate()
        await asyncio.gather(*(worker.wait() for worker in workers))


async def _ask(worker: Process, order: bytes, note: Callable[[int, int], None]) -> dict[str, Any]:
    if worker.stdin is not None:
        worker.stdin.write(order)
    while "progress" in (message := await _hear(worker)):
        note(worker.pid, message["progress"])
    return message


async def _hear(worker: Process) -> dict[str, Any]:
    line = await worker.stdout.readline() if worker.stdout is not None else b""
    if not line:
        raise WorkerLost("a generator process has ended; its reason is above")
    message: dict[str, Any] = json.loads(line)
    return message
