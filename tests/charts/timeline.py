"""Lines over time, with bands for what was broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tests.charts.frame import BOTTOM, HEIGHT, TOP, Axis, colour, heights, legend, picture, widths

ROWS: Final = 3
"""Labels of bands that follow each other closely are put at different heights."""


@dataclass(frozen=True, slots=True)
class Band:
    """A span of seconds with a label."""

    label: str
    """Its first word is shown, all of it when the pointer rests there."""
    began: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Some lines with one value a second each."""

    title: str
    lines: Mapping[str, Sequence[float]]
    bands: Sequence[Band] = ()

    def svg(self) -> str:
        """The picture."""
        seconds = max((len(values) for values in self.lines.values()), default=1)
        x = Axis(0.0, float(max(1, seconds - 1)), least=1.0)
        y = Axis.upwards(value for values in self.lines.values() for value in values)
        parts = (
            *self._bands(x), *heights(y), *widths(x, " s"), *self._curves(x, y), *legend(self.title, self.lines),
        )  # fmt: skip
        return picture(self.title, parts)

    def _bands(self, axis: Axis) -> Iterator[str]:
        for number, band in enumerate(self.bands):
            x, end = axis.at(band.began), axis.at(band.ended)
            y, width, height = TOP + 10 + 11 * (number % ROWS), max(2.0, end - x), HEIGHT - TOP - BOTTOM
            label = escape(band.label)
            yield f'<rect class="band" x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{height}">'
            first = escape(band.label.split()[0])
            yield f'<title>{label}</title></rect><text class="label" x="{x + 3:.1f}" y="{y}">{first}</text>'

    def _curves(self, x: Axis, y: Axis) -> Iterator[str]:
        for number, (name, values) in enumerate(self.lines.items()):
            points = " ".join(f"{x.at(second):.1f},{y.at(value):.1f}" for second, value in enumerate(values))
            yield f'<polyline class="{colour(number)}" points="{points}"><title>{escape(name)}</title></polyline>'
            if len(values) == 1:  # a line of one point is not seen
                yield f'<circle class="{colour(number)}" cx="{x.at(0):.1f}" cy="{y.at(values[0]):.1f}" r="3"/>'
