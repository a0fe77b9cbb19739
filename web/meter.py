"""What is counted at the edge."""

from __future__ import annotations

from typing import Protocol


class WebMeter(Protocol):
    """Never raises, never waits.  Labels come from fixed sets: route templates, never paths."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; *route* is its template, or ``unmatched``."""

    def socket_opened(self) -> None:
        """A verified user's socket is open."""

    def socket_closed(self, code: int) -> None:
        """It is closed, with this code (1006 when it just went away)."""

    def connections(self, count: int) -> None:
        """So many clients are connected."""

    def turned_away(self, why: str) -> None:
        """Not let in: a ``request`` or ``handshake``, or a connection: when ``full``, or from one ``address``."""

    def pushed(self, frames: int) -> None:
        """So many frames were put into outboxes of local sockets."""
