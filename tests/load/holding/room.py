"""How many sockets the system lets one process have, here and in the service."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final

RESERVED: Final = 256
"""Files that a service or a holder opens besides sockets."""

PER_SOURCE: Final = 10_000
"""Sockets from one address: ports of dropped ones rest for a minute, and an address has 28,000."""


def make_room(sockets: int) -> int:
    """How many sockets a process may have, *sockets* at most.

    Raises the limits of this process, and so of those that it starts, as far as the system lets it: the soft one up to
    the hard one, and that one too for root.
    """
    needed = sockets + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in ((needed, max(needed, hard)), (min(needed, hard), hard)):
        if soft < needed:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, wanted)
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(sockets, soft - RESERVED))


def sources(sockets: int) -> list[str]:
    """Addresses of this machine to connect from."""
    return [f"127.0.0.{number + 1}" for number in range(1 + (sockets - 1) // PER_SOURCE)]
