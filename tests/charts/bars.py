"""Bars, each with its value behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from tests.charts.frame import LEFT, RIGHT, WIDTH, Axis, colour, legend, picture

ROW, TOP = 22, 24
NAMES: Final = LEFT + 110
"""Where bars begin."""

VALUES: Final = 90
"""Room for the value behind the longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One bar for each name; those whose names begin with the same word have the same colour."""

    title: str
    values: Mapping[str, float]
    unit: str = ""

    def svg(self) -> str:
        """The picture, as high as it must be."""
        parts = (*legend(self.title, ()), *self._rows())
        return picture(self.title, parts, TOP + ROW * len(self.values) + 8)

    def _rows(self) -> Iterator[str]:
        axis = Axis(0.0, max(self.values.values(), default=0.0) or 1.0, NAMES, WIDTH - RIGHT - VALUES)
        words = [*dict.fromkeys(name.split()[0] for name in self.values)]
        for number, (name, value) in enumerate(self.values.items()):
            shade = colour(words.index(name.split()[0]))
            y, width = TOP + ROW * number, max(1.0, axis.at(value) - NAMES)
            yield f'<text class="end" x="{NAMES - 8}" y="{y + 14}">{escape(name)}</text>'
            yield f'<rect class="{shade}" x="{NAMES}" y="{y + 3}" width="{width:.1f}" height="15"/>'
            yield f'<text x="{NAMES + width + 6:.1f}" y="{y + 14}">{value:,.3g} {escape(self.unit)}</text>'
