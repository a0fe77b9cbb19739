"""docs/performance.md names only what exists, and its figures are those of the pages beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.chaos.__main__ import app as chaos
from tests.docs.pages import table
from tests.load.__main__ import app as load

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "performance.md").read_text(encoding="utf-8")
ROWS = table(PAGE, "figure")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_figure_has_a_command_that_exists(row: list[str]) -> None:
    commands = re.findall(r"`\./run (load|chaos) ([^`]*)`", row[5])
    assert commands
    for program, words in commands:
        names = [word for word in words.split() if word.isalpha()][:1] if program == "load" else []
        told = CliRunner().invoke(load if program == "load" else chaos, [*names, "--help"])
        assert told.exit_code == 0, told.output
        assert [option for option in re.findall(r"--[\w-]+", words) if option not in told.output] == []


def test_every_page_and_file_named_exists() -> None:
    named = re.findall(r"\]\(([\w./-]+)", PAGE)
    assert named
    assert [name for name in named if not (DOCS / name).exists()] == []
    files = re.findall(r"`(tests/[\w./]+)`", PAGE)
    assert [name for name in files if not (DOCS.parent / name).exists()] == []


@pytest.mark.parametrize("page", sorted((DOCS / "performance").glob("*.html")), ids=lambda page: page.stem)
def test_a_page_stands_alone_and_tells_its_command(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert re.search(r"\./run load \w+", html)
    assert not re.search(r'(?:src|href)="http', html)


def test_the_ratio_is_that_of_its_page() -> None:
    [ratio] = re.findall(r"\*\*([\d.]+)\*\*", ROWS[0][1])
    assert ratio in (DOCS / "performance" / "floor.html").read_text(encoding="utf-8")
