"""What is counted while neighbours are talked to."""

from __future__ import annotations

from typing import Protocol


class Meter(Protocol):
    """Never raises."""

    def dependency_failed(self, name: str) -> None:
        """A neighbour, by name, did not do what it was asked."""

    def unroutable(self, routing_key: str) -> None:
        """An event came back because no queue is bound for its key; it stays in the outbox."""
