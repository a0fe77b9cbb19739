"""README.md of this folder: no line of it without a test."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hardening.conftest import HARDENING

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parents[1]
COUNTS = {"T": 34, "A": 32, "B": 35, "C": 11, "D": 9, "E": 17, "G": 6, "H": 5, "J": 7, "K": 7, "L": 5}
REASON = "**not here**: "


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the page."""

    label: str
    what: str
    answer: str
    where: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What its label looks like in the id of a test."""
        as_name = self.label.replace(".", "_")
        return re.compile(rf"(?i)(?<![\w.]){re.escape(self.label)}(?![\w.])|_{as_name}_")


def _lines() -> Iterator[Line]:
    for row in (FOLDER / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        if row.startswith("|") and cells[0] != "line" and not cells[0].startswith("---"):
            yield Line(*cells)


LINES = tuple(_lines())


@pytest.fixture(scope="module")
def ids(request: pytest.FixtureRequest) -> list[str]:
    """The ids of all tests of this folder, whatever is run of them."""
    known = request.config.stash[HARDENING]
    modules = {path.name for path in FOLDER.glob("test_*.py")}
    if modules == {Path(test.partition("::")[0]).name for test in known}:
        return known
    order = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(FOLDER))
    output = subprocess.run(order, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [line for line in output.splitlines() if "::" in line]


def _exists(place: str) -> bool:
    """Whether there is this test outside of the folder."""
    path, _, name = place.partition("::")
    return bool(re.search(rf"^(async )?def {name}\(", (PROJECT / path).read_text(), re.MULTILINE))


def test_the_page_has_every_line_once() -> None:
    expected = [f"{letter}{number}" for letter, most in COUNTS.items() for number in range(1, most + 1)]
    assert [line.label for line in LINES] == [*expected, "4.5", "4.6", "4.7"]
    assert all(line.what and line.answer for line in LINES)


@pytest.mark.parametrize("line", [pytest.param(line, id=f"line-{line.label}") for line in LINES])
def test_every_line_has_a_test_or_a_reason(ids: list[str], line: Line) -> None:
    if line.where.startswith(REASON):
        assert len(line.where) > len(REASON) + 20
        return
    for place in line.where.split(", "):
        found = [test for test in ids if test.startswith(f"tests/hardening/{place}")]
        assert any(map(line.pattern.search, found)) or "::" in place, place
        assert found or _exists(place), place
