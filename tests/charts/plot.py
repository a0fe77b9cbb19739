"""Curves over an axis of any kind: percentiles, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from tests.charts.frame import Axis, Kind, colour, heights, legend, picture, widths

FEW: Final = 8
"""Places that are named below a plot."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Some lines of points."""

    title: str
    lines: Mapping[str, Points]
    across: Kind = Kind.LINEAR
    up: Kind = Kind.LINEAR

    def svg(self) -> str:
        """The picture."""
        x = self._across()
        y = Axis.upwards((value for points in self.lines.values() for _, value in points), self.up)
        return picture(
            self.title,
            (*heights(y), *widths(x, values=self._named()), *self._curves(x, y), *legend(self.title, self.lines)),
        )

    def _named(self) -> list[float]:
        """The places of the points, where they are few; none to have round numbers."""
        places = sorted({place for points in self.lines.values() for place, _ in points})
        return places if self.across is not Kind.PERCENTILE and len(places) <= FEW else []

    def _across(self) -> Axis:
        values = [value for points in self.lines.values() for value, _ in points]
        if self.across is Kind.LOG:
            values = [value for value in values if value > 0]
        low = 0.0 if self.across is Kind.PERCENTILE else min(values, default=1.0)
        high = max(values, default=1.0)
        return Axis(low, high if high > low else low + 1, kind=self.across)

    def _curves(self, x: Axis, y: Axis) -> Iterator[str]:
        for number, (name, points) in enumerate(self.lines.items()):
            places = [(x.at(one), y.at(other)) for one, other in points]
            label, line = escape(name), " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
            yield f'<polyline class="{colour(number)}" points="{line}"><title>{label}</title></polyline>'
            for (left, top), (one, other) in zip(places, points, strict=True):
                yield f'<circle class="{colour(number)}" cx="{left:.1f}" cy="{top:.1f}" r="2.5">'
                yield f"<title>{label}: {other:g} at {one:g}</title></circle>"
