"""What is asked of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosPlan:
    """One run: who comes, for how long, and what happens to the house meanwhile."""

    seed: int = 1
    """Decides the faults, their order and length, and what every user does."""
    seconds: float = 60.0
    """How long users come; draining is not counted."""
    rate: float = 30.0
    """Users that arrive in a second."""
    replicas: int = 3
    faults: Sequence[str] = ()
    """Names or numbers of the faults to choose from; empty for all that this machine can make."""
    one_by_one: bool = False
    """Each fault alone, in order, with a calm before and after; otherwise a random mix, two at a time at most."""
    fsync: bool = True
    """Whether PostgreSQL and Redis wait for the disk."""
    search_seconds: float = 8.0
    confirm_seconds: float = 6.0
    session_budget_seconds: float = 10.0
    source: Path = PROJECT
    """Where the code of the replicas is: a mutant's is elsewhere."""
