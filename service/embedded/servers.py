"""The door: private servers that live as long as the process that asked for them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from service.embedded import rabbitmq
from service.embedded.datadir import DataDir
from service.errors import StartFailed

START_SECONDS = 90.0
STOP_SECONDS = 30.0
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Where the private servers listen; None for one that was not asked for or is not installed."""

    database_url: str | None = None
    redis_url: str | None = None
    rabbitmq_url: str | None = None


class Servers:
    """Running private servers. Leaving the ``with`` block stops them; so does the end of this process.

    The names of the servers are ``postgres``, ``redis`` and ``rabbitmq``.
    Methods block: inside a coroutine call them through ``asyncio.to_thread``.
    """

    def __init__(self, supervisor: subprocess.Popen[str], data: DataDir, on_event: Callable[[str], None]) -> None:
        self.data = data
        self.urls = Urls()
        self._supervisor = supervisor
        self._on_event = on_event
        self._changed = threading.Condition()
        self._pids: dict[str, int] = {}
        self._failures: list[str] = []
        self._done: list[tuple[str, str]] = []
        self._is_open = False
        self._is_over = False
        self._reader = threading.Thread(target=self._listen, name="embedded-servers", daemon=True)
        self._reader.start()

    def wait_open(self) -> None:
        """Return when PostgreSQL and Redis take connections; ``StartFailed`` with the reason otherwise."""
        self._await(lambda: self._is_open)

    def wait_for(self, server: str) -> None:
        """Return when this server takes connections."""
        self._await(lambda: server in self._pids)

    def pid(self, server: str) -> int:
        """The process id of a running server."""
        return self._pids[server]

    def start_server(self, server: str) -> None:
        """Start a stopped server again, on its old port with its old data."""
        self._order("start", server)

    def stop_server(self, server: str) -> None:
        """Stop one server in good order."""
        self._order("stop", server)

    def kill_server(self, server: str) -> None:
        """End one server as a crash would."""
        self._order("kill", server)

    def rabbitmqctl(self, *arguments: str) -> str:
        """The output of RabbitMQ's own command line, aimed at the private broker."""
        now = DataDir(self.data.path)
        now.open()  # the ports were chosen by the supervisor, after ours was opened
        return rabbitmq.control(now, *arguments)

    def close(self) -> None:
        """Stop everything in good order; repeatable."""
        if self._supervisor.poll() is None:
            self._say("close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(STOP_SECONDS)
        if self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.close()
        self._supervisor.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        if self._supervisor.stdout is not None:
            self._supervisor.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _order(self, verb: str, server: str) -> None:
        self._done.clear()
        self._say(f"{verb} {server}")
        self._await(lambda: (verb, server) in self._done)

    def _say(self, order: str) -> None:
        if self._supervisor.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._supervisor.stdin.write(order + "\n")
                self._supervisor.stdin.flush()

    def _await(self, has_happened: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: has_happened() or self._failures or self._is_over, START_SECONDS)
            if self._failures:
                raise StartFailed(self._failures.pop())
            if not has_happened():
                raise StartFailed(f"The private servers did not answer (see {self.data.logs}/supervisor.log).")

    def _listen(self) -> None:
        for line in self._supervisor.stdout or ():
            with self._changed:
                self._take_in(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _take_in(self, news: dict[str, Any]) -> None:
        match news:
            case {"event": "open", "urls": urls}:
                self.urls = Urls(**{name.lower(): url for name, url in urls.items()})
                self._is_open = True
            case {"event": "ready", "server": server, "pid": pid}:
                self._pids[server] = pid
                self._on_event(f"{server} is ready")
            case {"event": "ended", "server": server, "pid": pid}:
                if self._pids.get(server) == pid:
                    del self._pids[server]
                    self._on_event(f"{server} has ended")
            case {"event": "done", "order": order, "server": server}:
                self._done.append((order, server))
            case {"event": "failed", "message": message, **rest}:
                self._failures.append(message)
                if rest.get("server"):
                    self._on_event(message)
            case {"message": message}:
                self._on_event(message)
            case _:
                raise ValueError(f"unknown news from the supervisor: {news}")


def start_servers(
    data_dir: Path,
    *,
    postgres: bool = True,
    redis: bool = True,
    rabbitmq: bool = True,
    fsync: bool = True,
    wait: bool = True,
    on_event: Callable[[str], None] = lambda _: None,
) -> Servers:
    """Private servers whose data lives in *data_dir*, PostgreSQL and Redis ready to use.

    RabbitMQ takes seconds more: ``wait_for("rabbitmq")`` where it matters.
    Where it is not installed, ``urls.rabbitmq_url`` is None and *on_event*
    is told why.  With ``wait=False`` nothing is ready yet: do something else,
    then ``wait_open``.  ``fsync=False`` trades the data's safety for speed (tests).
    *on_event* is called from another thread.  Raises :class:`~service.errors.StartFailed`.
    """
    data = DataDir(data_dir)
    data.open()
    wanted = [
        name for name, is_wanted in (("postgres", postgres), ("redis", redis), ("rabbitmq", rabbitmq)) if is_wanted
    ]
    command = [sys.executable, "-m", "service.embedded.supervisor", str(data.path), *wanted]
    with data.open_log("supervisor") as log:
        supervisor = subprocess.Popen(
            command if fsync else [*command, "--no-fsync"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent to handle
        )
    servers = Servers(supervisor, data, on_event)
    try:
        if wait:
            servers.wait_open()
    except BaseException:
        servers.close()
        raise
    return servers


@contextlib.contextmanager
def temporary_servers(
    *, postgres: bool = True, redis: bool = True, rabbitmq: bool = False, fsync: bool = False
) -> Iterator[Servers]:
    """Fast private servers in a folder that is deleted afterwards; RabbitMQ is not waited for.

    A test that kills PostgreSQL and expects its commits to be there afterwards asks for *fsync*.
    """
    folder = Path(tempfile.mkdtemp(prefix="peerprep-"))
    folder.chmod(0o711)  # as root PostgreSQL runs as nobody, who must get in
    try:
        with start_servers(folder, postgres=postgres, redis=redis, rabbitmq=rabbitmq, fsync=fsync) as servers:
            yield servers
    finally:
        DataDir(folder).erase()
