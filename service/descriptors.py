"""How many files and connections the system lets this process have open."""

from __future__ import annotations

import resource
from contextlib import suppress
from typing import Final

from service.settings import Settings

OWN: Final = 64
"""For the event loop, logs, Redis, RabbitMQ, and for being asked how the process does when all else is used up."""

NEIGHBOURS: Final = 32
"""Connections to the Question and the User Service."""


def room_for_connections(settings: Settings) -> int:
    """How many clients may be connected, so that enough is left for whom we connect to.

    Raises the limit of this process as far as the system allows and MAX_CONNECTIONS needs.
    """
    reserved = OWN + NEIGHBOURS + settings.postgres_pool_size
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + reserved
    if soft != resource.RLIM_INFINITY and soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(OSError, ValueError):  # a system may set a lower limit than it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    allowed = settings.max_connections if soft == resource.RLIM_INFINITY else soft - reserved
    return max(1, min(settings.max_connections, allowed))
