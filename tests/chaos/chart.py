"""Lines over time as SVG, with bands for what was broken: drawn here, so that a report needs no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, log10
from typing import Final

WIDTH, HEIGHT = 960, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 26, 24
COLOURS: Final = ("#1f77b4", "#d95f02", "#555555")
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
        most = nice(max((value for values in self.lines.values() for value in values), default=0.0))
        scale = _Scale(max(1, seconds - 1), most)
        parts = [*self._bands(scale), *_axes(scale), *self._curves(scale), *self._legend()]
        label = escape(self.title, quote=True)
        return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'

    def _bands(self, scale: _Scale) -> Iterator[str]:
        for number, band in enumerate(self.bands):
            x, end = scale.x(band.began), scale.x(band.ended)
            y = TOP + 10 + 11 * (number % ROWS)
            label = escape(band.label)
            yield f'<rect class="band" x="{x:.1f}" y="{TOP}" width="{max(2.0, end - x):.1f}" height="{scale.height}">'
            short = escape(band.label.split()[0])
            yield f'<title>{label}</title></rect><text class="label" x="{x + 3:.1f}" y="{y}">{short}</text>'

    def _curves(self, scale: _Scale) -> Iterator[str]:
        for (name, values), colour in zip(self.lines.items(), COLOURS, strict=False):
            points = " ".join(f"{scale.x(second):.1f},{scale.y(value):.1f}" for second, value in enumerate(values))
            yield f'<polyline stroke="{colour}" points="{points}"><title>{escape(name)}</title></polyline>'

    def _legend(self) -> Iterator[str]:
        yield f'<text class="title" x="{LEFT}" y="14">{escape(self.title)}</text>'
        for number, (name, colour) in enumerate(zip(self.lines, COLOURS, strict=False)):
            x = WIDTH - RIGHT - 150 * (len(self.lines) - number)
            yield f'<rect x="{x}" y="8" width="12" height="4" fill="{colour}"/>'
            yield f'<text x="{x + 17}" y="14">{escape(name)}</text>'


@dataclass(frozen=True, slots=True)
class _Scale:
    seconds: float
    most: float

    @property
    def height(self) -> int:
        return HEIGHT - TOP - BOTTOM

    def x(self, second: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(second, 0.0), self.seconds) / self.seconds

    def y(self, value: float) -> float:
        return TOP + self.height * (1 - min(value, self.most) / self.most)


def nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten, so that an axis has round numbers."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** (ceil(log10(value)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _axes(scale: _Scale) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        y, value = scale.y(share * scale.most), share * scale.most
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}">{value:g}</text>'
    step = max(1, int(nice(scale.seconds / 10)))
    for second in range(0, int(scale.seconds) + 1, step):
        yield f'<text class="time" x="{scale.x(second):.1f}" y="{HEIGHT - 6}">{second} s</text>'
