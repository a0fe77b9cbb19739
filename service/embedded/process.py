"""Starting and stopping one child process so that it cannot outlive this one."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from service.embedded.datadir import is_root
from service.errors import StartFailed

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run, where, and as whom."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    as_nobody: bool = False
    niceness: int = 0
    """How far it lets others go first."""
    dies_by: signal.Signals = signal.SIGKILL
    """What the kernel sends it when this process is killed (Linux only)."""


class Server(Protocol):
    """One private server.  Every method may raise :class:`~service.errors.StartFailed`."""

    name: str
    stop_signal: signal.Signals
    hurry_signal: signal.Signals
    """For when the parent is gone and all must be over within a second."""

    async def prepare(self, log: BinaryIO) -> None:
        """Make its folder and files, unless they are there."""

    def command(self) -> Command: ...

    async def is_ready(self, pid: int) -> bool:
        """Whether this very process takes connections."""


async def spawn(
    command: Command, *, log: BinaryIO, stdin: int = asyncio.subprocess.DEVNULL
) -> asyncio.subprocess.Process:
    """Start it with its output going to the log."""
    who: dict[str, Any] = {}
    home = os.environ.get("HOME", "/")
    if command.as_nobody and is_root():
        nobody = pwd.getpwnam("nobody")
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        home = str(command.folder)
    return await asyncio.create_subprocess_exec(
        *command.argv,
        cwd=command.folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": home, **command.environment},
        stdin=stdin,
        stdout=log,
        stderr=log,
        preexec_fn=_before_exec(command),
        **who,
    )


def _before_exec(command: Command) -> Callable[[], None]:
    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(command.dies_by))
        os.nice(command.niceness)

    return prepare


async def run_once(command: Command, *, log: BinaryIO, stdin: bytes = b"") -> None:
    """Run it to its end; ``StartFailed`` with its last line when it fails."""
    process = await spawn(command, log=log, stdin=asyncio.subprocess.PIPE)
    await process.communicate(stdin)
    if process.returncode:
        raise StartFailed(f"{Path(command.argv[0]).name} failed: {last_line(log)}")


async def until_ready(
    process: asyncio.subprocess.Process, check: Callable[[int], Awaitable[bool]], *, seconds: float
) -> None:
    """Return when the check passes; ``StartFailed`` when the process ends or time is up."""
    async with asyncio.timeout(seconds):
        while not await check(process.pid):
            if process.returncode is not None:
                raise StartFailed(f"it ended with code {process.returncode}")
            await asyncio.sleep(POLL_SECONDS)


async def stop(process: asyncio.subprocess.Process, number: signal.Signals, *, grace_seconds: float) -> None:
    """Ask it to end, and make it when it has not after the grace."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), grace_seconds)
        except TimeoutError:
            process.kill()
            await process.wait()


async def answers(port: int, question: bytes, beginning: bytes) -> bool:
    """Whether whatever listens there answers the question with this beginning."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(question)
            return await reader.readexactly(len(beginning)) == beginning
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    finally:
        if writer is not None:
            writer.close()


def last_line(log: BinaryIO) -> str:
    """The last thing a server said, for the sentence about why it failed."""
    lines = Path(log.name).read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
