"""The service as an operating system process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from service.settings import Settings
from tests.e2e.tokens import SECRET
from tests.e2e.waiting import until

PROJECT = Path(__file__).parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 20.0

_numbers = count(1)
_OURS = {name.upper() for name in Settings.model_fields}
_DEFAULTS = {
    "ENV": "test",
    "HOST": "127.0.0.1",
    "PORT": "0",
    "AUTH_ACCESS_SECRET": SECRET,
    "RATE_LIMIT": "",
    "AUTH_FAILURE_LIMIT": "",
    "MATCHING_TIMEOUT_SECONDS": "30",
    "CONFIRM_MATCH_TIMEOUT_SECONDS": "30",
    "SWEEP_SECONDS": "0.2",
}


class Replica:
    """``python -m service serve``: started, ended in every way there is, its output kept in a file."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.environment = _DEFAULTS | environment
        self.log = folder / f"replica-{next(_numbers)}.log"
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._read_from = 0
        self.url = ""
        self.files: int | None = None
        """How many it may open from its next start on; None for as many as we may."""

    async def launch(self) -> None:
        """Start the process, and return at once."""
        self._read_from = self.log.stat().st_size if self.log.exists() else 0
        clean = {name: value for name, value in os.environ.items() if name not in _OURS}
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(),
                cwd=self._folder,  # where there is no .env
                env=clean | {"PYTHONPATH": str(PROJECT)} | self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if self.files is not None:
            resource.prlimit(self._process.pid, resource.RLIMIT_NOFILE, (self.files, self.files))

    def command(self) -> tuple[str, ...]:
        """What is run."""
        return sys.executable, "-m", "service", "serve"

    async def start(self) -> None:
        """Start the process; returns when it is ready."""
        await self.launch()
        self.url = await until(self._address, seconds=START_SECONDS, what=f"{self.log} says where it listens")
        await until(self.is_ready, seconds=START_SECONDS, what=f"{self.url} is ready")

    def _address(self) -> str:
        for line in self.said():
            if line.get("action") == "started":
                return str(line["address"])
        assert self.process.returncode is None, self.log.read_text()
        return ""

    def said(self) -> list[dict[str, Any]]:
        """The log lines since the last start."""
        lines = self.log.read_bytes()[self._read_from :].decode().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def is_ready(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            return (await self.readiness())[0] == 200
        return False

    async def readiness(self) -> tuple[int, dict[str, Any]]:
        """Status and body of ``/health/ready``, asked over a new connection."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/health/ready") as response:
            return response.status, await response.json(content_type=None)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, *, seconds: float = STOP_SECONDS) -> int:
        """The exit code, once there is one."""
        return await asyncio.wait_for(self.process.wait(), seconds)

    async def terminate(self) -> int:
        """Stop it as an orchestrator does; the exit code."""
        self.send(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """End it as a power cut does."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def restart(self, **environment: str) -> None:
        """Kill it, and start it again, perhaps with other settings."""
        await self.kill()
        self.environment |= environment
        await self.start()

    async def close(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None and self._process.returncode is None:
            self.send(signal.SIGCONT)
            await self.kill()


@contextlib.asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[tuple[Replica, ...]]:
    """All of them, started side by side and ready; killed at the end."""
    try:
        await asyncio.gather(*(replica.start() for replica in replicas))
        yield replicas
    finally:
        for replica in replicas:
            await replica.close()
