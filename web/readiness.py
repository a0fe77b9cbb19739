"""Whether this replica should get traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the things this service leans on do."""

    dependencies: Mapping[str, str]
    """By name: ``ok``, or a few words that say what is the matter, such as ``away`` or ``not configured``."""
    failing: tuple[str, ...] = ()
    """What makes it not ready: names of dependencies, or ``draining``."""

    @property
    def is_degraded(self) -> bool:
        """Whether it serves, but not with all it has."""
        return any(state != OK for state in self.dependencies.values())
