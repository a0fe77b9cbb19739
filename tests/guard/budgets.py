"""The table of budgets: what a match took when it was last written down, and what it may take."""

from __future__ import annotations

import math
import statistics
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.guard.measuring import SCENES, Figures

TABLE: Final = Path(__file__).parent / "budgets.toml"

ROOM: Final = {SCENES[0].name: 0.05, SCENES[1].name: 0.25}
"""Above what was counted, by how far figures moved between runs of ten.

Of a lone pair the least is what counts, since whatever else happens only adds: it did not move, or by less than 3 %.
How many of fifty pairs share a batch is a matter of timing and goes both ways: the median moved by 10 %.
"""

STALE: Final = 0.7
"""A figure below so much of its ceiling would hide a growth back to where it was."""

_WHERE: Final = {
    "postgresql": "which statements are sent (persistence/postgres), who asks for them (actors), and whether writes "
    "that wait at the same time share one (persistence/postgres/coalesce.py)",
    "redis": "persistence/redis, and how often a bucket looks at its slice (actors/bucket.py); frames between replicas "
    "are persistence/redis/publishing.py",
    "rabbitmq": "messaging/rabbitmq.py, and what an event carries (messaging/events.py)",
    "websocket": "who is told what (actors/supervisor.py, web/frames.py)",
    "http": "headers and bodies (web/middleware.py, web/schemas.py) and frames (web/frames.py)",
    "log": "what is logged at INFO for each match: docs/operations.md says that it is two lines",
    "tasks": "who calls create_task: one a request is aiohttp's, errands are the actors'",
    "calls": "a profile of ./run load flow (py-spy): which function is entered more often than before",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """What one match took, and may take, of one thing."""

    scene: str
    name: str
    counted: float
    ceiling: float

    def complaint(self, now: float) -> str:
        """What is wrong with *now*; empty when nothing is."""
        what = f"{self.name} of {self.scene}"
        if now > self.ceiling:
            where = _WHERE[self.name.split(maxsplit=1)[0]]
            return f"{what} grew from {self.counted:g} to {now:g}, above {self.ceiling:g}. Look at {where}."
        if now < STALE * self.ceiling:
            again = "Write it down: python -m tests.guard"
            return f"{what} fell from {self.counted:g} to {now:g}: lower the ceiling of {self.ceiling:g}. {again}"
        return ""


def written() -> Iterator[Budget]:
    """The table."""
    for scene, rows in tomllib.loads(TABLE.read_text(encoding="utf-8")).items():
        for name, row in rows.items():
            yield Budget(scene, name, row["counted"], row["ceiling"])


def settled(figures: Figures) -> Mapping[tuple[str, str], float]:
    """What is held against the table: one number of each, by scene and name."""
    settle = {SCENES[0].name: min, SCENES[1].name: statistics.median}
    return {(scene, name): settle[scene](counts) for scene, rows in figures.items() for name, counts in rows.items()}


def as_table(figures: Figures) -> str:
    """What to paste into the file."""
    lines: list[str] = []
    for (scene, name), counted in settled(figures).items():
        heading = f'["{scene}"]'
        if heading not in lines:
            lines += [""] * bool(lines) + [heading]
        lines.append(f'"{name}" = {{ counted = {counted:g}, ceiling = {_ceiling(scene, counted):g} }}')
    return "\n".join(lines)


def _ceiling(scene: str, counted: float) -> float:
    """Just above: few things of a lone pair, the same number each time, have no room at all."""
    roomy = round(counted * (1 + ROOM[scene]), 6)
    return math.floor(roomy) if scene == SCENES[0].name else math.ceil(roomy * 100) / 100
