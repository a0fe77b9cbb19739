"""docs/scaling.md names no metric, setting, command or folder that does not exist, and its sums are right."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from service.settings import Settings
from tests.docs.pages import table
from tests.docs.test_operations import exported

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "scaling.md").read_text(encoding="utf-8")
PROCESS = {"process_open_fds", "process_max_fds"}
FIGURES = {row[0].strip("`"): float(row[1].replace(",", "")) for row in table(PAGE, "name")}
DAY = 86_400


def test_every_metric_named_is_exported() -> None:
    named = set(re.findall(r"\b((?:matching|process)_[a-z_]+)", PAGE))
    histograms = {name.removesuffix("_count") for name in exported()}
    assert named
    assert named - exported() - histograms - PROCESS == set()


def test_every_setting_named_exists() -> None:
    named = set(re.findall(r"\b([A-Z]{3,}(?:_[A-Z]+)+)\b", PAGE))
    assert named
    assert named - {name.upper() for name in Settings.model_fields} == set()


def test_every_command_named_exists() -> None:
    from tests.load.__main__ import app  # noqa: PLC0415  only here

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"\./run load (\w+)", PAGE)) <= known
    modules = set(re.findall(r"python -m ([\w.]+)", PAGE))
    assert modules
    assert all(importlib.util.find_spec(module) for module in modules)


def test_every_folder_and_page_named_exists() -> None:
    folders = re.findall(r"`(tests/[\w./]+)`", PAGE)
    pages = re.findall(r"\]\(([\w./-]+\.md)", PAGE)
    assert folders
    assert [name for name in folders if not (PROJECT / name).exists()] == []
    assert [name for name in pages if not (PROJECT / "docs" / name).exists()] == []


def sums(users: float) -> dict[str, float]:
    """What the formulas give for so many users, four requests an hour and a peak of three times the mean."""
    mean = users * 4 / 2 / 3600
    peak = 3 * mean
    return {
        "matches a second, mean": mean,
        "matches a second, peak": peak,
        "CPU of the service": peak * FIGURES["cpu_service"] / 1000,
        "CPU of PostgreSQL": peak * FIGURES["cpu_postgres"] / 1000,
        "CPU of Redis, without frames": peak * FIGURES["cpu_redis"] / 1000,
        "CPU of RabbitMQ": peak * FIGURES["cpu_rabbitmq"] / 1000,
        "growth a day": mean * DAY * FIGURES["rows"],
        "Redis for sessions": mean * DAY * FIGURES["session"],
        "messages to RabbitMQ a second, peak": 3 * peak,
    }


@pytest.mark.parametrize(("column", "users"), [(2, 1_000), (3, 1_000_000)])
def test_the_model_follows_from_the_figures(column: int, users: int) -> None:
    units = {"MB": 1e6, "GB": 1e9}
    written = {}
    for row in table(PAGE, "what"):
        number = re.match(r"(?:up to )?([\d.,]+)(?: (MB|GB))?", row[column])
        assert number, row
        written[row[0]] = float(number[1].replace(",", "")) * units.get(number[2] or "", 1)
    for name, value in sums(users).items():
        assert written[name] == pytest.approx(value, rel=0.05, abs=0.0006), name
