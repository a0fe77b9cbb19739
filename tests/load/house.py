"""What is measured: private servers, and replicas of the service over them."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.embedded import Servers, Urls, start_servers
from service.embedded.datadir import DataDir
from service.errors import StartFailed
from tests.load.processes import Group
from tests.load.surroundings import PROJECT, server_versions

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.05

SERVICE: Final = ("-m", "service", "serve", "--port")
FLOOR: Final = ("-m", "tests.load.floor")
"""What to run, short of the port."""

ROOMY: Final = dict.fromkeys(
    (
        "MAX_CONNECTIONS",
        "MAX_CONNECTIONS_PER_ADDRESS",
        "MAX_HANDSHAKES_PER_SECOND",
        "MAX_SOCKETS",
        "MAX_SOCKETS_PER_ADDRESS",
    ),
    "100000",
)
"""All users come from one address here."""


TITLES: Final = {"postgres": "PostgreSQL", "redis": "Redis", "rabbitmq": "RabbitMQ"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Servers to play on: PostgreSQL with a migrated, empty database, Redis, and RabbitMQ where there is one."""

    urls: Urls
    pids: Mapping[str, int]
    """By the server's name, of those that are counted."""
    logs: Path

    @property
    def groups(self) -> dict[str, Group]:
        """Their processes, for :mod:`tests.load.processes`."""
        return {TITLES[name]: Group([pid]) for name, pid in self.pids.items()}

    def environment(self) -> dict[str, str]:
        """The environment of a replica: ours, with these servers."""
        return {
            **ROOMY,
            **os.environ,
            "HOST": "127.0.0.1",
            "DATABASE_URL": self.urls.database_url or "",
            "REDIS_URL": self.urls.redis_url or "",
            "RABBITMQ_URL": self.urls.rabbitmq_url or "",
        }

    async def versions(self) -> dict[str, str]:
        """What the stores say of themselves."""
        return await server_versions(self.urls.database_url or "", self.urls.redis_url or "")


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_ready(self) -> None:
        """Returns when it wants traffic.  Raises ``StartFailed`` with the last thing it said."""
        try:
            wait_ready(self.url, self.process)
        except StartFailed as error:
            said = self.log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise StartFailed(f"{error} It said: {said}") from None

    def complaints(self) -> Counter[str]:
        """Warnings and errors in its log so far, by action."""
        found: Counter[str] = Counter()
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                said = {"level": "error", "action": "a line that is no JSON"}
            if said["level"] not in ("debug", "info"):
                found[str(said.get("action", said.get("event")))] += 1
        return found


@contextlib.contextmanager
def private_servers(*, rabbitmq: bool, fsync: bool) -> Iterator[Stage]:
    """Servers of our own, in a folder that is deleted afterwards.  Raises ``StartFailed``."""
    folder = Path(tempfile.mkdtemp(prefix="peerprep-load-"))
    folder.chmod(0o711)  # as root PostgreSQL runs as nobody, who must get in
    try:
        with start_servers(folder, rabbitmq=rabbitmq, fsync=fsync) as servers:
            stage = _stage(servers)
            _migrate(stage)
            yield stage
    finally:
        DataDir(folder).erase()


@contextlib.contextmanager
def replicas(stage: Stage, count: int, program: Sequence[str] = SERVICE) -> Iterator[Sequence[Replica]]:
    """So many processes of the *program* that answer requests.  Raises ``StartFailed``."""
    with contextlib.ExitStack() as stack:
        running = [_start(stage, stack, number, program) for number in range(count)]
        for replica in running:
            replica.wait_ready()
        yield running


def wait_ready(url: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Returns when the service at *url* wants traffic.  Raises ``StartFailed``."""
    patience = time.monotonic() + START_SECONDS
    while time.monotonic() < patience and (process is None or process.poll() is None):
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:
                json.load(answer)
        except (OSError, ValueError):
            time.sleep(POLL_SECONDS)
        else:
            return
    raise StartFailed(f"The service at {url} does not become ready.")


def _stage(servers: Servers) -> Stage:
    names = ["postgres", "redis"]
    if servers.urls.rabbitmq_url is not None:
        servers.wait_for("rabbitmq")
        names.append("rabbitmq")
    return Stage(servers.urls, {name: servers.pid(name) for name in names}, servers.data.logs)


def _start(stage: Stage, stack: contextlib.ExitStack, number: int, program: Sequence[str]) -> Replica:
    log, port = stage.logs / f"service-{number}.log", _free_port()
    command = (sys.executable, *program, str(port))
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, env=stage.environment(), stdout=output, stderr=output)
    stack.callback(_stop, process)
    return Replica(f"http://127.0.0.1:{port}", process, log)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _migrate(stage: Stage) -> None:
    command = (sys.executable, "-m", "service", "migrate")
    done = subprocess.run(command, cwd=PROJECT, env=stage.environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"The private database could not be migrated: {done.stderr.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
