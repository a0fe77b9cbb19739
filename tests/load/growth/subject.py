"""One thing that grows, and what it costs meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.charts import Kind, Plot
from tests.load.report import Table

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Figures of one unit, for each size."""

    title: str
    """What is measured, with its unit."""
    grows: str
    """What the sizes count."""
    points: Sequence[tuple[int, Figures]]
    across: Kind = Kind.LOG
    is_drawn: bool = True
    is_cost: bool = True
    """Whether the last point over the first says something."""

    @property
    def name(self) -> str:
        """Different for every subject of a run."""
        return f"{self.title}, by {self.grows}"

    @property
    def factors(self) -> Figures:
        """The last point over the first, for each line that has both."""
        if not self.is_cost or len(self.points) < 2:
            return {}
        first, last = self.points[0][1], self.points[-1][1]
        return {name: round(value / first[name], 2) for name, value in last.items() if first.get(name)}

    def table(self) -> Table:
        """A row for each size, and one for how much it has grown."""
        names = [*dict.fromkeys(name for _, figures in self.points for name in figures)]
        rows = [
            (f"{size:,}", *(_short(figures[name]) if name in figures else "" for name in names))
            for size, figures in self.points
        ]
        if self.factors:
            grown = (f"x {self.factors[name]}" if name in self.factors else "" for name in names)
            rows.append(("last / first", *grown))
        return Table(self.name, (self.grows, *names), rows)

    def picture(self) -> str:
        """A line for each figure."""
        lines: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for size, figures in self.points:
            for name, value in figures.items():
                lines[name].append((size, value))
        return Plot(title=self.name, lines=lines, across=self.across).svg()


def _short(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
