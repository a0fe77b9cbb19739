"""Findings in the form in which they are shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows; the first of each row names it."""

    title: str
    heads: Sequence[str]
    """Empty for a table of names and values."""
    rows: Sequence[Sequence[str]]
    wrong: Collection[int] = ()
    """Rows that should not be there, by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What is shown on the screen, and on a page with pictures and surroundings too."""

    title: str
    verdict: str
    is_clean: bool
    tables: Sequence[Table]
    pictures: Sequence[str]
    """As SVG."""
    caveats: Sequence[str]
    command: str
    surroundings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Machine, versions, settings: by title."""
