"""Replicas by the dozen, seen from the program that wants them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from service.errors import StartFailed
from service.settings import Settings
from tests.chaos.plan import PROJECT

START_SECONDS: Final = 30.0
_OURS: Final = {name.upper() for name in Settings.model_fields}


class End(NamedTuple):
    """How a replica ended."""

    code: int
    """The exit code, or the negative number of the signal."""
    at: float
    """By the machine's monotonic clock."""


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class Replica:
    """A process of the service."""

    nursery: Nursery
    number: int
    log: Path
    up: asyncio.Future[str] = field(default_factory=_future)
    ended: asyncio.Future[End] = field(default_factory=_future)

    @property
    def url(self) -> str:
        return self.up.result()

    async def kill(self) -> None:
        """Make sure that it is gone."""
        if not self.ended.done():
            self.nursery.order(kill=self.number)
        await asyncio.wait_for(asyncio.shield(self.ended), START_SECONDS)

    def errors(self) -> list[str]:
        """What it said that nobody wants to read: errors, and lines that are no log lines."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if not _is_harmless(line)]


def _is_harmless(line: str) -> bool:
    try:
        return json.loads(line)["level"] in ("debug", "info", "warning")
    except (ValueError, KeyError, TypeError):
        return False


class Nursery:
    """Starts replicas by way of a fork server."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._numbers = count(1)
        self._replicas: dict[int, Replica] = {}
        self._listening = asyncio.create_task(self._listen())

    async def start(self, environment: Mapping[str, str]) -> Replica:
        """A new replica that listens.  Raises ``StartFailed`` with what it said."""
        number = next(self._numbers)
        replica = self._replicas[number] = Replica(self, number, self._folder / f"replica-{number}.log")
        self.order(start=number, environment=dict(environment), log=str(replica.log))
        either: set[asyncio.Future[Any]] = {replica.up, replica.ended}
        await asyncio.wait(either, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not replica.up.done():
            said = replica.log.read_text(encoding="utf-8", errors="replace") if replica.log.exists() else ""
            raise StartFailed(f"A replica did not start: {said.strip().rpartition(chr(10))[2] or 'it said nothing'}")
        return replica

    def order(self, **order: object) -> None:
        """Tell the fork server."""
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def close(self) -> None:
        """End every replica."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        while self._process.stdout is not None and (line := await self._process.stdout.readline()):
            self._take_in(json.loads(line))

    def _take_in(self, news: dict[str, Any]) -> None:
        match news:
            case {"number": number, "up": address}:
                self._replicas[number].up.set_result(address)
            case {"number": number, "ended": code, "at": at}:
                self._replicas.pop(number).ended.set_result(End(code, at))
            case _:
                raise ValueError(f"unknown news {news}")


@contextlib.asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[Nursery]:
    """A fork server whose replicas write their logs to *folder*; all end with the block."""
    clean = {name: value for name, value in os.environ.items() if name not in _OURS}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.chaos.crash.forkserver"),
        cwd=folder,  # where there is no .env
        env=clean | {"PYTHONPATH": str(PROJECT)},
        stdin=PIPE,
        stdout=PIPE,
    )
    running = Nursery(process, folder)
    try:
        yield running
    finally:
        await running.close()
