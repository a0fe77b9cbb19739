"""docs/security.md names a test for everything that it says stops somebody, and every test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.docs.pages import table

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")


def sentences_of(path: Path) -> set[str]:
    """The names of all tests of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def named(text: str) -> list[tuple[str, str]]:
    """Every file of tests in *text*, and which test of it; empty for the whole file."""
    return re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)


def test_every_test_named_exists() -> None:
    found = named(PAGE)
    assert len(found) > 30
    for path, name in found:
        assert (PROJECT / path).is_file(), path
        assert not name or name in sentences_of(PROJECT / path), f"{path}::{name}"


def test_every_row_says_what_stops_somebody_and_which_test_shows_it() -> None:
    for who, wants, stops, shown in table(PAGE, "who"):
        assert who, PAGE
        assert wants, who
        assert stops, who
        assert named(shown), f"{who}, {wants}: no test"


def test_nothing_of_ours_reads_from_the_broker() -> None:
    """What somebody puts there cannot reach us."""
    speaking = [path for path in (PROJECT / "messaging").rglob("*.py") if "aio_pika" in path.read_text()]
    assert speaking
    for path in speaking:
        called = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert called.isdisjoint({"consume", "get", "iterator"}), path


def test_everybody_who_could_want_something_has_a_row() -> None:
    everybody = {who for who, *_ in table(PAGE, "who")}
    for suspect in (
        "stranger",
        "another user",
        "floods",
        "Question Service",
        "User Service",
        "Redis",
        "broker",
        "logs",
    ):
        assert any(suspect in who for who in everybody), suspect
    assert any("packages" in who for who in everybody)
