"""A flood of lines becomes a few, and what was left out is counted."""

from __future__ import annotations

import json
import logging
import re

import pytest
import structlog

from domain.topic import Topics
from service import logs
from service.log_limit import LineLimit
from service.metrics import Metrics
from tests.service.test_logs import _logging_as_it_was  # noqa: F401 - a fixture that applies to every test here


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def in_force(clock: Clock) -> LineLimit:
    """A limit of three lines.  To be called in the test itself, where stderr is captured."""
    limit = LineLimit(3, clock=clock)
    logs.configure(level="INFO", pretty=False, limit=limit)
    return limit


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_so_many_lines_of_an_action_are_written_in_a_second_and_no_more(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    limit = in_force(clock)
    log = structlog.get_logger("test")
    for number in range(10_000):
        log.warning("store away", action="store_failed", number=number)
    log.info("other", action="request")
    assert [line["action"] for line in written(capsys)] == [*["store_failed"] * 3, "request"]
    assert limit.left_out == {"store_failed": 9_997}


def test_the_next_second_says_how_many_were_left_out(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    limit = in_force(clock)
    log = structlog.get_logger("test")
    for _ in range(10):
        log.warning("store away", action="store_failed")
    clock.now += 1
    for _ in range(2):
        log.warning("store away", action="store_failed")
    assert [line.get("left_out") for line in written(capsys)] == [None, None, None, 7, None]
    assert limit.left_out == {"store_failed": 7}


def test_libraries_are_limited_too(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    in_force(clock)
    for _ in range(5):
        logging.getLogger("elsewhere").error("it went %s", "wrong")
    clock.now += 1
    logging.getLogger("elsewhere").error("it went %s", "wrong")
    assert [line["event"] for line in written(capsys)] == [
        *["it went wrong"] * 3,
        "it went wrong (2 more were left out)",
    ]


def test_what_is_critical_is_always_written(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    in_force(clock)
    for _ in range(10):
        structlog.get_logger("test").critical("gives up", action="give_up")
    assert len(written(capsys)) == 10


def test_what_was_left_out_is_in_the_metrics(clock: Clock) -> None:
    limit = in_force(clock)
    metrics = Metrics(topics=Topics(), version="test")
    metrics.watch_lines(lambda: limit.left_out)
    for _ in range(5):
        structlog.get_logger("test").warning("store away", action="store_failed")
    body, _ = metrics.exposition("text/plain")
    assert re.search(rb'^matching_log_lines_left_out_total{action="store_failed"} 2.0$', body, re.MULTILINE)
