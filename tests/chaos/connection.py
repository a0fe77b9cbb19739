"""One connection through a proxy: two sockets, and what is held back between them."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from tests.chaos.proxy import Proxy

_WITHOUT_FAREWELL: Final = struct.pack("ii", 1, 0)
"""How a socket lingers that is closed by a reset."""

MOST_HELD_BYTES: Final = 256 * 1024
"""About what a socket buffers; after that the sender is not read from any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What happens to connections from now on, old ones included."""

    delay_seconds: float = 0.0
    """Of every chunk, in each direction."""
    holds_requests: bool = False
    """Nothing reaches the server, new connections neither, until the weather changes."""
    holds_answers: bool = False
    """Nothing comes back from the server."""
    cuts: float = 0.0
    """How often a connection ends after a request has reached the server, and before its answer comes back."""
    spares: int = 8
    """Chunks at the beginning of a connection that are never followed by a cut: a handshake."""
    chance: random.Random = field(default_factory=random.Random, compare=False)


FAIR: Final = Weather()


class Connection:
    """Two sockets, and what is on its way between them."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.client, self.server = End(self, is_client=True), End(self, is_client=False)
        self.client.other, self.server.other = self.server, self.client
        self._requests = 0
        self._is_doomed = False
        self._dialling: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The client is there; dial the server unless its first packet would not arrive."""
        self.proxy.keep(self)
        self.notice()

    def notice(self) -> None:
        """The weather has changed."""
        if self._dialling is None and not self.proxy.weather.holds_requests:
            if self.client.has_ended:
                self.close()  # the server has never heard of it
                return
            self._dialling = asyncio.create_task(self._dial())
        self.client.pump()
        self.server.pump()

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.server, "127.0.0.1", self.proxy.upstream)
        except OSError:
            self.reset()

    def is_cut_by(self, end: End) -> bool:
        """Whether the chunk that arrives at *end* is the one that never gets through."""
        weather = self.proxy.weather
        if end.is_client:
            self._requests += 1
            if weather.cuts and self._requests > weather.spares and weather.chance.random() < weather.cuts:
                self._is_doomed = True
            return False
        if self._is_doomed:
            self.reset()
        return self._is_doomed

    def close(self) -> None:
        """Hang up on both sides."""
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.close()
        self.over()

    def reset(self) -> None:
        """Hang up on both sides without a farewell."""
        for end in (self.client, self.server):
            end.reset()
        self.over()

    def over(self) -> None:
        """Nothing more will happen."""
        self.proxy.forget(self)
        if self._dialling is not None and not self._dialling.done() and self._dialling is not asyncio.current_task():
            self._dialling.cancel()


class End(asyncio.Protocol):
    """One of the two sockets; holds what came out of it until it may go into the other."""

    def __init__(self, connection: Connection, *, is_client: bool) -> None:
        self.is_client = is_client
        self.transport: asyncio.Transport | None = None
        self.other: End = self
        self.is_through = False
        """Whether all that it had to say has been passed on."""
        self._connection = connection
        self._held: deque[tuple[float, bytes]] = deque()
        """What has arrived, with the moment before which it may not go on; empty bytes are the end."""
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    # -- what the loop calls ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are none by class
        if self.is_client:
            self._connection.begin()
        else:
            self.other.pump()

    def data_received(self, data: bytes) -> None:
        """Pass it on, now or later."""
        if self._connection.is_cut_by(self):
            return
        other = self.other.transport
        if self._held or self._connection.proxy.weather is not FAIR or other is None:
            self._hold(data)
        elif not other.is_closing():
            other.write(data)

    def eof_received(self) -> bool:
        """Let the other side know when everything before it has gone through."""
        self._hold(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.close()

    def pause_writing(self) -> None:
        """Read no faster than the other side takes it."""
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def _finish(self) -> None:
        """Everything from here has gone through: let the other side know, and end with its last word."""
        self.is_through = True
        if self.other.is_through:
            self._connection.close()
        elif self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write_eof()

    @property
    def has_ended(self) -> bool:
        """Whether it has said that nothing more will come."""
        return bool(self._held) and not self._held[-1][1]

    def reset(self) -> None:
        """Hang up, and drop what was still to be sent."""
        if self.transport is not None:
            with contextlib.suppress(OSError):  # it is closed already
                ours = self.transport.get_extra_info("socket")
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _WITHOUT_FAREWELL)
            self.transport.abort()

    # -- holding back ----------------------------------------------------------------------------

    def _hold(self, data: bytes) -> None:
        due = asyncio.get_running_loop().time() + self._connection.proxy.weather.delay_seconds
        self._held.append((due, data))
        self._held_bytes += len(data)
        if self._held_bytes > MOST_HELD_BYTES and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()
        self.pump()

    def pump(self) -> None:
        """Pass on what may go now, and come back for the rest."""
        weather = self._connection.proxy.weather
        if (weather.holds_requests if self.is_client else weather.holds_answers) or self.other.transport is None:
            return
        loop = asyncio.get_running_loop()
        while self._held and self._held[0][0] <= loop.time():
            self._pass_on(self._held.popleft()[1])
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._held[0][0], self.pump) if self._held else None

    def _pass_on(self, data: bytes) -> None:
        if not data:
            self._finish()
        elif self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write(data)
        was_full, self._held_bytes = self._held_bytes > MOST_HELD_BYTES, self._held_bytes - len(data)
        has_room = was_full and self._held_bytes <= MOST_HELD_BYTES
        if has_room and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
