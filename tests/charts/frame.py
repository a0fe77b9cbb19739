"""What every picture has: a title, a legend, two axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from math import ceil, floor, log10
from typing import Final

WIDTH, HEIGHT = 960, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 26, 24
COLOURS: Final = 6
"""Classes ``c0`` to ``c5`` of the stylesheet; further lines begin again."""

LETTER: Final = 6.2
"""Pixels of an average letter of a legend."""

NARROWEST: Final = 48
"""Pixels between two labels of the axis below."""

PERCENTILES: Final = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)


class Kind(StrEnum):
    """How values are spread over an axis."""

    LINEAR = "linear"
    LOG = "log"
    """Each factor of ten as wide as the next; nothing below *low* is shown."""
    PERCENTILE = "percentile"
    """Each further nine as wide as the one before: 90, 99, 99.9."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Turns values into pixels."""

    low: float
    high: float
    start: float = LEFT
    end: float = WIDTH - RIGHT
    kind: Kind = Kind.LINEAR
    least: float = 0.0
    """The smallest step between two values that are named, on a linear axis."""

    @classmethod
    def upwards(cls, values: Iterable[float], kind: Kind = Kind.LINEAR) -> Axis:
        """The axis at the left for *values*, ending at a round number."""
        shown = [value for value in values if kind is not Kind.LOG or value > 0]
        most = max(shown, default=0.0)
        low = 0.0 if kind is Kind.LINEAR else 10.0 ** floor(log10(min(shown, default=1.0)))
        high = nice(most) if kind is Kind.LINEAR else max(10 * low, 10.0 ** ceil(log10(most or 1.0)))
        return cls(low, high, HEIGHT - BOTTOM, TOP, kind)

    def at(self, value: float) -> float:
        """The pixel; values beyond an end are shown there."""
        low, high = self._spread(self.low), self._spread(self.high)
        share = (self._spread(min(max(value, self.low), self.high)) - low) / ((high - low) or 1.0)
        return self.start + (self.end - self.start) * share

    def _spread(self, value: float) -> float:
        match self.kind:
            case Kind.LINEAR:
                return value
            case Kind.LOG:
                return log10(value)
            case Kind.PERCENTILE:
                return -log10(1 - min(value, 99.9999) / 100)

    def ticks(self) -> list[float]:
        """The values to name."""
        match self.kind:
            case Kind.LINEAR:
                step = max(self.least, nice((self.high - self.low) / 10))
                return [self.low + number * step for number in range(int((self.high - self.low) / step + 1e-9) + 1)]
            case Kind.LOG:
                powers = range(round(log10(self.low)), floor(log10(self.high) + 1e-9) + 1)
                return [10.0**power for power in powers]
            case Kind.PERCENTILE:
                return [value for value in PERCENTILES if self.low <= value <= self.high]


def nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, so that an axis has round numbers."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** (ceil(log10(value)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-12))


def heights(axis: Axis) -> Iterator[str]:
    """Lines across, and what they stand for."""
    values = axis.ticks() if axis.kind is Kind.LOG else [axis.low, (axis.low + axis.high) / 2, axis.high]
    for value in values:
        y = axis.at(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}">{short(value)}</text>'


def widths(axis: Axis, unit: str = "", values: Iterable[float] = ()) -> Iterator[str]:
    """What stands below: *values*, or round ones; one *unit* for all, leaving out what would overlap."""
    last = float("-inf")
    for value in tuple(values) or axis.ticks():
        x = axis.at(value)
        if x - last < NARROWEST:
            continue
        last = x
        name = _name(value, axis.kind, unit)
        inside = min(max(x, LEFT), WIDTH - RIGHT - LETTER * len(name) / 2)
        yield f'<text class="time" x="{inside:.1f}" y="{HEIGHT - 6}">{name}</text>'


def _name(value: float, kind: Kind, unit: str) -> str:
    if kind is not Kind.PERCENTILE:
        return f"{short(value)}{unit}"
    return f"p{value:g}" if value else "least"


def short(value: float) -> str:
    """A number that fits beside an axis."""
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:g}"


def legend(title: str, names: Iterable[str]) -> Iterator[str]:
    """The title at the left, the names of the lines at the right, each as wide as it is."""
    yield f'<text class="title" x="{LEFT}" y="14">{escape(title)}</text>'
    x = float(WIDTH - RIGHT)
    for number, name in reversed(list(enumerate(names))):
        x -= 17 + LETTER * len(name)
        yield f'<rect class="{colour(number)}" x="{x:.0f}" y="8" width="12" height="4"/>'
        yield f'<text x="{x + 17:.0f}" y="14">{escape(name)}</text>'
        x -= 14


def colour(number: int) -> str:
    """The class of the *number*-th line."""
    return f"c{number % COLOURS}"


def picture(title: str, parts: Iterable[str], height: int = HEIGHT) -> str:
    """The whole SVG."""
    label = escape(title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
