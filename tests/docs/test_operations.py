"""docs/operations.md names every action that is logged, and no metric or setting that does not exist."""

from __future__ import annotations

import ast
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.topic import Topics
from service.metrics import Metrics
from service.settings import Settings
from tests.docs.pages import table

PROJECT = Path(__file__).parents[2]
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
PACKAGES = ("domain", "actors", "persistence", "messaging", "web", "service")
LEVELS = {
    "exception": "error",
    "_say": "warning",  # messaging.rabbitmq: now and then
    "tell": "info, debug",  # web.middleware: by what was answered
}


def levels(call: ast.Call) -> set[str]:
    """At which this call logs; empty for one that does not log."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="log"), attr=name) if hasattr(logging, name):
            return {LEVELS.get(name, name)}
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in LEVELS and action_of(call):
            return set(LEVELS[name].split(", "))
        case _:
            return set()


def action_of(call: ast.Call) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == "action"), None)


def logged() -> Iterator[tuple[str, set[str]]]:
    """Action and levels of every line that the code writes."""
    for path in (path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and (at := levels(call)):
                action = action_of(call)
                assert action is not None, f"{path.relative_to(PROJECT)}:{call.lineno} logs without an action"
                if isinstance(action, ast.Constant):  # else it is handed on, and found where it comes from
                    yield str(action.value), at


def exported() -> set[str]:
    """Every series name that the service can export."""
    names: set[str] = set()
    for family in Metrics(topics=Topics(), version="test").registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def test_the_log_table_has_every_action_with_its_levels_and_no_other() -> None:
    emitted: dict[str, set[str]] = defaultdict(set)
    for action, at in logged():
        emitted[action] |= at
    written = {
        action: set(level.split(", "))
        for actions, level, _ in table(OPERATIONS, "action")
        for action in re.findall(r"`(\w+)`", actions)
    }
    assert written == emitted


def test_every_action_that_a_reader_is_sent_to_is_in_the_table() -> None:
    listed = {name for actions, *_ in table(OPERATIONS, "action") for name in re.findall(r"`(\w+)`", actions)}
    assert set(re.findall(r"action=(\w+)", OPERATIONS)) <= listed


def test_every_metric_named_is_exported() -> None:
    named = set(re.findall(r"\b(matching_\w+)", OPERATIONS))
    assert named
    assert named - exported() == set()


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_every_setting_named_exists(page: str) -> None:
    text = (PROJECT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)(?:=[\w-]+)?`", text))
    assert named
    assert named - {name.upper() for name in Settings.model_fields} == set()
