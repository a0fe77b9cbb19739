"""A network of hosts on this machine that lasts as long as somebody uses it.

Its namespaces have no names: they live by the descriptors of this process and by the processes inside, so whatever
ends us, SIGKILL too, leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_NEW_NETWORK: Final = 0x4000_0000
_HERE: Final = "/proc/thread-self/ns/net"
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_TOOLS: Final = ("ip", "nsenter", "setpriv")

HUB: Final = "10.77.0.1"
"""Where the stores are."""


class NoNetwork(Exception):
    """This machine does not let us make one; says why."""


class Namespace:
    """A network stack of its own."""

    def __init__(self) -> None:
        made: list[int | OSError] = []
        thread = threading.Thread(target=lambda: made.append(_unshared()))
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise NoNetwork(f"unshare: {made[0]}")
        self._descriptor = made[0]
        self.ip("link", "set", "lo", "up")

    @property
    def path(self) -> str:
        """By which other programs find it."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    def enter(self) -> tuple[str, ...]:
        """What to write before a command that shall run inside, and end when we do."""
        return "setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={self.path}"

    def ip(self, *arguments: str) -> None:
        """Run ``ip`` inside."""
        done = subprocess.run([*self.enter(), "ip", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoNetwork(f"ip {' '.join(arguments)}: {done.stderr.strip()}")

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Sockets that are made in the block belong to it, wherever they are used."""
        with Path(_HERE).open("rb") as home:
            _set(self._descriptor)
            try:
                yield
            finally:
                _set(home.fileno())

    def close(self) -> None:
        os.close(self._descriptor)


def _unshared() -> int | OSError:
    """The namespace of this thread, which is about to end; or why there is none."""
    assert _LIBC is not None
    if _LIBC.unshare(_NEW_NETWORK):
        return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return os.open(_HERE, os.O_RDONLY | os.O_CLOEXEC)


def _set(descriptor: int) -> None:
    assert _LIBC is not None
    if _LIBC.setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Network:
    """A bridge, and hosts that are plugged into it."""

    def __init__(self) -> None:
        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            raise NoNetwork(f"there is no {' and no '.join(missing)}")
        self._hub = Namespace()
        self._hosts: list[Namespace] = []
        self._hub.ip("link", "add", "bridge", "type", "bridge")
        self._hub.ip("address", "add", f"{HUB}/24", "dev", "bridge")
        self._hub.ip("link", "set", "bridge", "up")

    def host(self) -> tuple[Namespace, str]:
        """One more host, and its address."""
        host, number = Namespace(), len(self._hosts) + 1
        self._hosts.append(host)
        address = f"10.77.0.{10 + number}"
        plug = f"plug{number}"
        self._hub.ip("link", "add", plug, "type", "veth", "peer", "name", "eth0", "netns", host.path)
        self._hub.ip("link", "set", plug, "master", "bridge", "up")
        host.ip("address", "add", f"{address}/24", "dev", "eth0")
        host.ip("link", "set", "eth0", "up")
        return host, address

    @contextlib.contextmanager
    def without(self, host: Namespace) -> Iterator[None]:
        """Its plug is pulled inside the block."""
        plug = f"plug{self._hosts.index(host) + 1}"
        self._hub.ip("link", "set", plug, "down")
        try:
            yield
        finally:
            self._hub.ip("link", "set", plug, "up")

    def listener(self) -> socket.socket:
        """A socket at which the hub listens."""
        with self._hub.inside():
            return socket.create_server((HUB, 0))

    def socket(self, _: object = None) -> socket.socket:
        """A socket of the hub, to call the hosts with."""
        with self._hub.inside():
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        return made

    def close(self) -> None:
        for namespace in (self._hub, *self._hosts):
            namespace.close()
