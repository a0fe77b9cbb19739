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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from service.embedded import Servers, start_servers
from service.embedded.datadir import DataDir
from service.errors import StartFailed
from tests.load.processes import Group
from tests.load.surroundings import PROJECT

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.05

ROOMY: Final = {"MAX_SOCKETS": "100000", "MAX_SOCKETS_PER_ADDRESS": "100000"}
"""All users come from one address here."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

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
def private_servers(*, rabbitmq: bool, fsync: bool) -> Iterator[Servers]:
    """Servers with a migrated, empty database, in a folder that is deleted afterwards.  Raises ``StartFailed``."""
    folder = Path(tempfile.mkdtemp(prefix="peerprep-load-"))
    folder.chmod(0o711)  # as root PostgreSQL runs as nobody, who must get in
    try:
        with start_servers(folder, rabbitmq=rabbitmq, fsync=fsync) as servers:
            _migrate(servers)
            if servers.urls.rabbitmq_url is not None:
                servers.wait_for("rabbitmq")
            yield servers
    finally:
        DataDir(folder).erase()


@contextlib.contextmanager
def replicas(servers: Servers, count: int) -> Iterator[Sequence[Replica]]:
    """So many processes of the service that answer requests.  Raises ``StartFailed``."""
    with contextlib.ExitStack() as stack:
        running = [_start(servers, stack, number) for number in range(count)]
        for replica in running:
            wait_ready(replica.url, replica.process)
        yield running


def groups_of(servers: Servers) -> dict[str, Group]:
    """The server processes, for :mod:`tests.load.processes`."""
    names = {"postgres": "PostgreSQL", "redis": "Redis", "rabbitmq": "RabbitMQ"}
    given = {"rabbitmq"} if servers.urls.rabbitmq_url is None else set()
    return {title: Group([servers.pid(name)]) for name, title in names.items() if name not in given}


def environment(servers: Servers) -> dict[str, str]:
    """The environment of a replica: ours, with the private servers."""
    urls = servers.urls
    return {
        **ROOMY,
        **os.environ,
        "HOST": "127.0.0.1",
        "DATABASE_URL": urls.database_url or "",
        "REDIS_URL": urls.redis_url or "",
        "RABBITMQ_URL": urls.rabbitmq_url or "",
    }


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


def _start(servers: Servers, stack: contextlib.ExitStack, number: int) -> Replica:
    log, port = servers.data.logs / f"service-{number}.log", _free_port()
    command = (sys.executable, "-m", "service", "serve", "--port", str(port))
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(servers), stdout=output, stderr=output)
    stack.callback(_stop, process)
    return Replica(f"http://127.0.0.1:{port}", process, log)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _migrate(servers: Servers) -> None:
    command = (sys.executable, "-m", "service", "migrate")
    done = subprocess.run(command, cwd=PROJECT, env=environment(servers), capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartFailed(f"The private database could not be migrated: {done.stderr.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
