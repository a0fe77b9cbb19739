"""What every program has to say, and what is needed to judge it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.load import surroundings
from tests.load.report.sheet import Sheet, Table

COMMON_CAVEATS: Final = (
    "Generator, service and servers share the machine's cores with each other and with whatever else runs.",
    "CPU is counted in ticks of 10 ms and includes what idle processes do; RSS counts shared memory in each process.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings(ABC):
    """Figures with their surroundings."""

    program: str
    plan: Mapping[str, object]
    errors: Mapping[str, int] = field(default_factory=dict)
    caveats: Sequence[str] = ()
    server_versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str | float] = field(default_factory=surroundings.machine)

    @property
    @abstractmethod
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""

    @abstractmethod
    def tables(self) -> Sequence[Table]:
        """The figures."""

    @abstractmethod
    def pictures(self) -> Sequence[str]:
        """The figures as SVG."""

    def derived(self) -> Mapping[str, object]:
        """Figures that follow from the others, for the file."""
        return {}

    def all_caveats(self) -> list[str]:
        """What every run has, and what this one has."""
        return [*COMMON_CAVEATS, *self.caveats]

    def sheet(self) -> Sheet:
        """The same to look at."""
        return Sheet(
            title=self.program,
            verdict="clean" if self.is_clean else "NOT CLEAN",
            is_clean=self.is_clean,
            tables=[*self.tables(), *self._wrong()],
            pictures=self.pictures(),
            caveats=self.all_caveats(),
            command=surroundings.command_line(),
            surroundings={
                "machine": self.machine,
                "versions": surroundings.versions() | dict(self.server_versions),
                "settings of the environment": surroundings.settings_given(),
                "plan": self.plan,
            },
        )

    def _wrong(self) -> Sequence[Table]:
        rows = [(kind, f"{count}") for kind, count in sorted(self.errors.items())]
        return [Table("errors", ("", "times"), rows, wrong=range(len(rows)))] if rows else []

    def as_json(self) -> dict[str, object]:
        """Everything, for a file."""
        return {
            **asdict(self),
            **self.derived(),
            "is_clean": self.is_clean,
            "caveats": self.all_caveats(),
            "command": surroundings.command_line(),
            "settings": surroundings.settings_given(),
            "versions": surroundings.versions() | dict(self.server_versions),
            "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def write(findings: Mapping[str, object], path: Path) -> None:
    """Write *findings* as JSON."""
    path.write_text(json.dumps(findings, indent=2) + "\n", encoding="utf-8")
