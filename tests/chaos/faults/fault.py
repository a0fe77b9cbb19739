"""What a fault is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.chaos.town import Town


class Fault(Protocol):
    """One row of the fault matrix, or a part of it.  Stateless: what it broke is given back when its block ends."""

    name: str
    """As on the command line: ``redis-flushall``."""
    number: str
    """In the matrix: ``F9``."""
    title: str
    """One short sentence for the report."""
    seconds: tuple[float, float]
    """How long it lasts at least and at most."""
    heavy: bool
    """Whether it is kept out of the mix: it takes long, or needs the town to itself."""

    def available(self) -> str:
        """Why this machine cannot make it; empty when it can."""

    def touches(self, town: Town, victim: int) -> Sequence[str]:
        """What it breaks, by the names of :class:`tests.chaos.evidence.FaultSpan`."""

    def inflict(self, town: Town, victim: int, chance: random.Random) -> AbstractAsyncContextManager[None]:
        """Broken inside the block, given back and answering again after it.  *victim* is a replica's number."""
