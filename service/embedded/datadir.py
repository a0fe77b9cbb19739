"""The one folder that private servers may touch: its lock, its ports, its secrets, its logs."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import pwd
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from service.errors import StartFailed

# Where root keeps what nobody must reach when the data directory lies in a private home.
OUTSIDE = Path("/var/lib/peerprep-matching")
LOCK_PATIENCE_SECONDS = 3.0


class DataDir:
    """A folder that belongs to one run at a time.

    Ports and the database password are chosen once and kept in ``state.json``,
    so that URLs stay the same from run to run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._state: dict[str, int | str] = {}

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def urls_file(self) -> Path:
        """Lines of NAME=URL while the servers run, to be sourced by a shell."""
        return self.path / "urls.env"

    def running_urls(self) -> dict[str, str]:
        """The addresses by setting, while servers run here; empty otherwise."""
        try:
            lines = self.urls_file.read_text().splitlines()
        except OSError:
            return {}
        return dict(line.split("=", 1) for line in lines)

    def open(self) -> None:
        """Make the folder, or say in one sentence why it cannot be used."""
        try:
            self.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise StartFailed(f"The data directory {self.path} cannot be made: {error.strerror}.") from error
        self._require_own()
        self.logs.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._state = json.loads((self.path / "state.json").read_text())

    def _require_own(self) -> None:
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise StartFailed(
                f"The data directory {self.path} belongs to {_user_name(owner)}, not to {getpass.getuser()}: "
                "run as its owner or give another one with --data-dir."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; wait a moment for a run that is just ending."""
        with (self.path / "lock").open("a+") as lock:
            _take(lock.fileno(), self.path)
            lock.truncate(0)
            lock.write(str(os.getppid()))
            lock.flush()
            yield

    def claim_port(self, name: str) -> int:
        """The port kept for this name; another one when somebody else took it meanwhile."""
        kept = self._state.get(f"{name}_port")
        if isinstance(kept, int) and _is_free(kept):
            return kept
        taken = {value for key, value in self._state.items() if key.endswith("_port")}
        return int(self._keep(f"{name}_port", next(port for port in _free_ports() if port not in taken)))

    def port(self, name: str) -> int:
        """The port claimed under this name."""
        return int(self._state[f"{name}_port"])

    def secret(self, name: str) -> str:
        """The password kept under this name."""
        return str(self._state.get(name) or self._keep(name, secrets.token_hex(16)))

    def _keep(self, key: str, value: int | str) -> int | str:
        self._state[key] = value
        replace_file(self.path / "state.json", json.dumps(self._state, indent=2) + "\n")
        return value

    def folder(self, name: str) -> Path:
        """A folder of this user's own below the data directory."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def folder_of_nobody(self, name: str) -> Path:
        """A folder for a server that refuses to run as root: of user nobody then, else one's own.

        Where the data directory lies in root's private home, nobody cannot
        walk to it; the folder is a link to one below /var/lib then.
        """
        if not is_root():
            return self.folder(name)
        folder = self.path / name
        if not folder.exists():
            if can_everybody_enter(self.path):
                folder.mkdir(mode=0o700)
            else:
                folder.symlink_to(self._make_outside(name))
            give_to_nobody(folder)
        return folder.resolve()

    def _make_outside(self, name: str) -> Path:
        place = self.outside / name
        shutil.rmtree(place, ignore_errors=True)  # of a data directory that was since deleted
        for folder in (OUTSIDE, self.outside):
            folder.mkdir(mode=0o755, exist_ok=True)
        place.mkdir(mode=0o700)
        return place

    @property
    def outside(self) -> Path:
        """What belongs to this data directory below /var/lib, if anything."""
        return OUTSIDE / hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]

    def open_log(self, name: str) -> BinaryIO:
        """A fresh log; that of the run before stays beside it as ``.old``."""
        log = self.logs / f"{name}.log"
        with contextlib.suppress(FileNotFoundError):
            log.replace(log.with_suffix(".log.old"))
        return log.open("ab")

    def erase(self) -> None:
        """Delete the folder with everything in it."""
        shutil.rmtree(self.outside, ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)


def is_root() -> bool:
    return os.geteuid() == 0


def give_to_nobody(path: Path) -> None:
    """Hand a file or folder to the user nobody; without effect for ordinary users."""
    if is_root():
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def can_everybody_enter(path: Path) -> bool:
    """Whether any user may walk to this path."""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def replace_file(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _take(descriptor: int, path: Path) -> None:
    give_up = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                holder = os.pread(descriptor, 20, 0).decode() or "unknown"
                raise StartFailed(
                    f"The data directory {path} is in use by another run (process {holder}): "
                    "stop it or give another one with --data-dir."
                ) from None
            time.sleep(0.05)
        else:
            return


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_ports() -> Iterator[int]:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        yield port


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
