"""The error tree is the one that is drawn."""

from __future__ import annotations

import inspect
import re

from domain import errors
from domain.errors import MatchingError


def test_the_drawing_names_every_error_below_its_parent() -> None:
    drawn = list(lines_of_the_drawing())
    assert {name for _, name in drawn} == {name for name, _ in inspect.getmembers(errors, is_error)}
    parents: list[tuple[int, str]] = []
    for depth, name in drawn:
        parents = [parent for parent in parents if parent[0] < depth]
        if parents:
            assert getattr(errors, name).__bases__ == (getattr(errors, parents[-1][1]),)
        parents.append((depth, name))


def is_error(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, MatchingError)


def lines_of_the_drawing() -> list[tuple[int, str]]:
    drawing = (errors.__doc__ or "").split("::", 1)[1]
    found = (re.match(r"[ |'-]*([A-Z]\w+)", line) for line in drawing.splitlines())
    return [(match.start(1), match[1]) for match in found if match]
