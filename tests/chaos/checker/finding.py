"""What the checker found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise, with what is needed to look it up in the evidence."""

    what: str
    at: float = 0.0
    """Epoch seconds; 0 where no single moment is to blame."""
    ids: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.told(0.0)

    def told(self, began: float) -> str:
        """In a line, with its moment in seconds since *began*."""
        where = ", ".join(f"{name} {value}" for name, value in self.ids.items())
        when = f" at {self.at - began:.3f} s" if self.at else ""
        return f"{self.what}{when}{f' ({where})' if where else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One invariant, looked for in everything there is."""

    number: str
    """``I1`` to ``I15``, or ``P0``: what holds in every run."""
    name: str
    looked_at: Mapping[str, int]
    """What was examined, and how many: nothing found among nothing proves nothing."""
    violations: Sequence[Violation] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    """Measured on the way, with the unit in the name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings about a run, in the order of the registry."""

    findings: Sequence[Finding]
    acknowledged: int
    """Operations that were answered with success."""

    @property
    def violations(self) -> int:
        return sum(len(finding.violations) for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        return self.violations == 0

    def finding(self, number: str, name: str = "") -> Finding:
        """The first finding of that *number*, and *name* if given."""
        return next(one for one in self.findings if one.number == number and one.name.startswith(name))
