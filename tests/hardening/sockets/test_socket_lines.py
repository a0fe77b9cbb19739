"""Every line of the matrix has its test, and every close code its place on the protocol page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.hardening.sockets.lines import LINES
from web.connection import CloseCode

FOLDER = Path(__file__).parent
MARK = r"^@answers\((.+)\)$"
PROJECT = FOLDER.parents[2]
TERMINAL = {CloseCode.FORBIDDEN_ORIGIN, CloseCode.REPLACED}
OF_THE_LIBRARY = {1001, 1007, 1009}


def test_all_44_lines_are_there() -> None:
    assert list(LINES) == [f"X{number}" for number in range(1, 45)]


def test_every_line_is_answered_by_a_test() -> None:
    marked = [
        text for module in FOLDER.glob("test_*.py") for text in re.findall(MARK, module.read_text(), re.MULTILINE)
    ]
    assert set(LINES) - {label for text in marked for label in re.findall(r"X\d+", text)} == set()


def documented() -> dict[int, str]:
    """What a client does, by close code, as the protocol page has it."""
    page = (PROJECT / "docs/protocol.md").read_text()
    rows = re.findall(r"^\| ([\d, ]+) \|.*\| (.+) \|$", page, re.MULTILINE)
    return {int(code): does for codes, does in rows for code in codes.split(",")}


@pytest.mark.parametrize("code", sorted(OF_THE_LIBRARY | set(CloseCode)), ids=int)
def test_every_close_code_is_documented_with_what_a_client_does(code: int) -> None:
    assert ("stop" in documented()[code]) == (code in TERMINAL)
