"""How many connections there may be, and how many from one address."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol, cast

from web.errors import PROBLEM_JSON, TABLE, Overloaded
from web.meter import WebMeter

MOST_SURPLUS: Final = 16
"""Connections beyond the limit that are let in to be asked how the process does, and for nothing else."""


def _refusal() -> bytes:
    """What is said to whoever is not let in, before anything was read."""
    row = TABLE[Overloaded]
    body = json.dumps(
        {"type": f"urn:matching:problem:{row.code}", "title": row.title, "status": row.status, "detail": row.detail}
        | {"code": row.code}
    ).encode()
    return (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {PROBLEM_JSON}\r\nContent-Length: {len(body)}\r\n"
        "Retry-After: 1\r\nConnection: close\r\n\r\n"
    ).encode() + body


class Server(Protocol):
    """What makes the protocol that reads a connection."""

    def __call__(self) -> asyncio.Protocol: ...


class Doorkeeper:
    """Counts connections as they come and go, and lets nobody in who is one too many.

    ::

        within the limit       served
        a few beyond it        served, but asked for its health only (see web.admission)
        more, or too many      503 and the end, before anything is read
        from one address
    """

    def __init__(
        self, *, most: int, most_per_address: int, sockets_from: Callable[[str], int], meter: WebMeter
    ) -> None:
        """*sockets_from* says how many WebSockets an address holds: they have a limit of their own."""
        self._most = most
        self._most_per_address = most_per_address
        self._sockets_from = sockets_from
        self._meter = meter
        self._by_address: Counter[str] = Counter()
        self._surplus: set[asyncio.BaseTransport] = set()
        self._count = 0

    def serving(self, server: Server) -> Callable[[], asyncio.Protocol]:
        """A factory of protocols, as the event loop wants it, that lets *server* have those who may come in."""
        return lambda: _Guest(self, server)

    def is_surplus(self, transport: asyncio.BaseTransport | None) -> bool:
        """Whether this connection was let in beyond the limit."""
        return transport in self._surplus

    def let_in(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the connection may stay; it is then counted until :meth:`let_out`."""
        address = address_of(transport)
        if self._by_address[address] - self._sockets_from(address) >= self._most_per_address:
            return self._refuse("address")
        if self._count >= self._most + MOST_SURPLUS:
            return self._refuse("full")
        if self._count >= self._most:
            self._surplus.add(transport)
        self._count += 1
        self._by_address[address] += 1
        self._meter.connections(self._count)
        return True

    def let_out(self, transport: asyncio.BaseTransport) -> None:
        """The connection is gone."""
        address = address_of(transport)
        self._surplus.discard(transport)
        self._count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        self._meter.connections(self._count)

    def _refuse(self, why: str) -> bool:
        self._meter.turned_away(why)
        return False


class _Guest(asyncio.Protocol):
    """One connection: the server's, once it was let in."""

    __slots__ = ("_inner", "_keeper", "_server", "_transport")

    def __init__(self, keeper: Doorkeeper, server: Server) -> None:
        self._keeper = keeper
        self._server = server
        self._inner: asyncio.Protocol | None = None
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._keeper.let_in(transport):
            out = cast("asyncio.Transport", transport)  # uvloop's are none by class
            out.write(_REFUSAL)
            out.close()
            return
        self._transport = transport
        self._inner = self._server()
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._inner is not None and self._transport is not None:
            self._keeper.let_out(self._transport)
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()


_REFUSAL: Final = _refusal()


def address_of(transport: asyncio.BaseTransport) -> str:
    """The network address at the other end."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else "unknown"
