"""Ports that stay ours while nobody listens on them."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_OF_LINUX: Final = 32768
_FIRST: Final = 1024


def free_ports(count: int) -> list[int]:
    """Ports on loopback from outside the range that outgoing connections get theirs from.

    A server that was killed must come back on its old port, which no connection may have been given meanwhile.
    """
    found: set[int] = set()
    candidates = list(range(_FIRST, _lowest_given_away()))
    random.SystemRandom().shuffle(candidates)  # several runs at once choose others
    for port in candidates:
        if len(found) == count:
            break
        if _is_free(port):
            found.add(port)
    return list(found)


def _lowest_given_away() -> int:
    try:
        return int(_RANGE.read_text().split()[0])
    except OSError:
        return _LOWEST_OF_LINUX


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
