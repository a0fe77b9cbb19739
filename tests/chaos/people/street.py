"""What the users of one process share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.people.door import Door
from tests.chaos.people.ledger import Ledger
from tests.chaos.people.rumours import Rumours


@dataclass(slots=True, kw_only=True)
class Street:
    """They all go through it."""

    door: Door
    ledger: Ledger
    numbers: Iterator[int]
    """Of sockets: each different in a run."""
    patience_seconds: float
    """How long a search may take, with all that follows until the session."""
    rumours: Rumours = field(default_factory=Rumours)
    is_open: bool = True
    """Whether people come; afterwards nobody begins anything new."""
