"""A Redis Cluster of three masters on this machine."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from service.embedded.process import Command, _before_exec
from service.embedded.valkey import find_binary

SLOTS = 16_384
MASTERS = 3
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.02


@dataclass(slots=True)
class Node:
    """One master, which can be ended and started again with what it knows of the cluster."""

    folder: Path
    port: int
    bus: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it takes connections."""
        self.folder.mkdir(exist_ok=True)
        argv = (
            str(find_binary()), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
            "--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--cluster-node-timeout", "500",
            "--cluster-require-full-coverage", "no", "--save", "", "--appendonly", "no",
        )  # fmt: skip
        command = Command(argv=argv, folder=self.folder, dies_by=signal.SIGKILL)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_before_exec(command),  # noqa: PLW1509  as the private servers do
            )
        _wait(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        """A client of this node alone."""
        return redis.Redis(port=self.port, decode_responses=True)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stopped for the time being: it takes connections, and answers nobody."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Nodes:
    """All of them."""

    masters: Sequence[Node]

    @property
    def url(self) -> str:
        """As the service wants it: one node, of which it learns the others."""
        return f"redis+cluster://127.0.0.1:{self.masters[0].port}/0"

    def wait_until_well(self) -> None:
        """Return when every node says that every slot is served by nodes that answer."""
        _wait(lambda: all(map(_is_well, self.masters)))

    def keys(self) -> list[list[str]]:
        """The keys of each master."""
        return [_ask(master, "KEYS", "*") for master in self.masters]

    def slot(self, key: str) -> int:
        """Where *key* belongs."""
        return int(_ask(self.masters[0], "CLUSTER KEYSLOT", key))

    def has(self, master: Node, slot: int) -> bool:
        """Whether *master* says that the slot is its own."""
        [myself] = [line for line in _ask(master, "CLUSTER NODES").values() if "myself" in line["flags"]]
        return any(int(first) <= slot <= int(last) for first, last in map(_bounds, myself["slots"]))

    def give(self, slot: int, master: Node) -> None:
        """Make *master* the owner of an empty slot, and have every node know it."""
        for node in (master, *(one for one in self.masters if one is not master)):
            _ask(node, "CLUSTER SETSLOT", str(slot), "NODE", _ask(master, "CLUSTER MYID"))


def _bounds(slots: Sequence[str]) -> tuple[str, str]:
    """The first and the last of a range; a single slot is both."""
    return slots[0], slots[-1]


def _is_well(master: Node) -> bool:
    about = _ask(master, "CLUSTER INFO")
    return (about["cluster_state"], about["cluster_slots_ok"]) == ("ok", str(SLOTS))


def _ask(master: Node, *command: str) -> Any:
    with master.client() as client:
        return client.execute_command(*command)


@contextlib.contextmanager
def three_masters(folder: Path) -> Iterator[Nodes]:
    """Started, joined, each with a third of the slots."""
    nodes = Nodes([Node(folder / str(number), *ports) for number, ports in enumerate(_free_ports(MASTERS))])
    try:
        for node in nodes.masters:
            node.start()
        _join(nodes)
        nodes.wait_until_well()
        yield nodes
    finally:
        for node in nodes.masters:
            node.kill()


def _join(nodes: Nodes) -> None:
    first = nodes.masters[0]
    for number, node in enumerate(nodes.masters):
        bounds = number * SLOTS // MASTERS, (number + 1) * SLOTS // MASTERS - 1
        _ask(node, "CLUSTER ADDSLOTSRANGE", *map(str, bounds))
        _ask(node, "CLUSTER SET-CONFIG-EPOCH", str(number + 1))
        if node is not first:
            _ask(node, "CLUSTER MEET", "127.0.0.1", str(first.port), str(first.bus))


def _free_ports(pairs: int) -> list[tuple[int, int]]:
    """So many pairs that were free a moment ago."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2 * pairs)]
        ports = [int(one.getsockname()[1]) for one in sockets]
    return list(zip(ports[::2], ports[1::2], strict=True))


def _wait(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < deadline, "the cluster is not well"
        time.sleep(LOOK_SECONDS)
