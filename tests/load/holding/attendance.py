"""What came of letting people in: one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(slots=True, kw_only=True)
class Attendance:
    """Of some who wanted in; durations are seconds, moments those of the machine's monotonic clock."""

    present: int = 0
    """Sockets that are open now."""
    moments: list[float] = field(default_factory=list)
    """When each had its ``state`` frame."""
    took: list[float] = field(default_factory=list)
    """From when each was to begin to its ``state`` frame, refusals included: as many as *moments*."""
    handshakes: list[float] = field(default_factory=list)
    """From connecting to the 101, for the attempt that succeeded."""
    lag: list[float] = field(default_factory=list)
    """How late each began."""
    refused: Counter[str] = field(default_factory=Counter)
    """Attempts that did not succeed, by status or by error."""
    lost: Counter[str] = field(default_factory=Counter)
    """Sockets that the service ended since the last answer, by close code."""
    busy: float = 0.0
    """The share of a core that the busiest holder used."""

    @classmethod
    def read(cls, message: dict[str, Any]) -> Self:
        """From its JSON."""
        return cls(**{**message, "refused": Counter(message["refused"]), "lost": Counter(message["lost"])})

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def sum(cls, parts: Iterable[Self]) -> Self:
        """All of them as one."""
        total = cls()
        for one in parts:
            total.present += one.present
            total.refused += one.refused
            total.lost += one.lost
            total.busy = max(total.busy, one.busy)
            for mine, theirs in zip(total._lists(), one._lists(), strict=True):
                mine.extend(theirs)
        return total

    def _lists(self) -> tuple[list[float], ...]:
        return self.moments, self.took, self.handshakes, self.lag
