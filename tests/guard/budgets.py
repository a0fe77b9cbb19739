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

ROOM: Final = {"statements": 0.4, "trips": 0.4}
"""Above what was counted of fifty pairs, by the last word; what it is for the rest follows.

Between runs of ten the median moved by up to 17 % here, and by 25 % between a machine at rest and one at work: it is a
matter of timing how many pairs share a statement.
"""

OTHER_ROOM: Final = 0.08
"""Of fifty pairs: the median moved by up to 2 %."""

LONE_ROOM: Final = 0.05
"""Of a lone pair, where the least counts, since whatever else happens only adds: it moved by 0.1 %."""

STALE: Final = 0.5
"""A figure below so much of its ceiling would hide a growth back to where it was."""

_WHERE: Final = {
    "postgresql": "which statements are sent (persistence/postgres), who asks for them (actors), and whether writes "
    "that wait at the same time share one (persistence/coalesce.py)",
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
    return {
        (scene, name): min(counts) if scene == SCENES[0].name else statistics.median(counts)
        for scene, rows in figures.items()
        for name, counts in rows.items()
    }


def as_table(figures: Figures) -> str:
    """What to paste into the file."""
    lines: list[str] = []
    for (scene, name), counted in settled(figures).items():
        heading = f'["{scene}"]'
        if heading not in lines:
            lines += [""] * bool(lines) + [heading]
        lines.append(f'"{name}" = {{ counted = {counted:g}, ceiling = {_ceiling(scene, name, counted):g} }}')
    return "\n".join(lines)


def _ceiling(scene: str, name: str, counted: float) -> float:
    """Just above: few things of a lone pair, the same number each time, have no room at all."""
    if scene == SCENES[0].name:
        return math.floor(counted * (1 + LONE_ROOM))
    room = ROOM.get(name.rsplit(maxsplit=1)[-1], OTHER_ROOM)
    return math.ceil(round(counted * (1 + room) * 100, 6)) / 100
