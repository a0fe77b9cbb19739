"""A late event loop is measured, and one that stands still is noticed from outside."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from structlog.testing import capture_logs

from domain.topic import Topics
from service.metrics import Metrics
from service.pulse import BLOCKED_SECONDS, BlockWatch, Pulse, watched
from tests.actors.waiting import eventually


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(topics=Topics(), version="test")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def value(metrics: Metrics, name: str) -> float:
    return metrics.registry.get_sample_value(f"matching_{name}") or 0.0


async def test_a_late_event_loop_is_measured(metrics: Metrics) -> None:
    moments = itertools.count(step=0.7)  # so much goes by from one look at the clock to the next
    pulse = Pulse(metrics, every=0.001, clock=lambda: next(moments))
    beating = asyncio.create_task(pulse.beat())
    await eventually(lambda: value(metrics, "event_loop_lag_seconds_count"))
    beating.cancel()
    await asyncio.wait([beating])

    assert value(metrics, "event_loop_lag_recent_seconds") == pytest.approx(0.699)
    assert pulse.lag == pytest.approx(0.699)


async def test_a_lag_that_is_over_is_soon_forgotten(metrics: Metrics) -> None:
    moments = iter([0.0, 0.0, 5.1, *(0.1 * number for number in range(52, 1000))])  # one beat comes five seconds late
    pulse = Pulse(metrics, every=0, clock=lambda: next(moments))
    beating = asyncio.create_task(pulse.beat())
    await eventually(lambda: pulse.lag > 5)
    await eventually(lambda: pulse.lag < 0.2)
    beating.cancel()
    await asyncio.wait([beating])


async def test_a_loop_that_stands_still_is_told_of_once_with_the_place_where_it_hangs(metrics: Metrics) -> None:
    with capture_logs() as lines, watched(metrics):
        await asyncio.sleep(0)
        hang_for(BLOCKED_SECONDS + 1)

    assert value(metrics, "event_loop_blocked_total") == 1
    [line] = [line for line in lines if line["action"] == "loop_blocked"]
    assert line["seconds"] >= BLOCKED_SECONDS
    assert line["where"][0].startswith("hang_for:")


def hang_for(seconds: float) -> None:
    time.sleep(seconds)  # this is the fault


async def test_a_process_that_was_stopped_and_goes_on_is_not_taken_for_one_that_hangs(metrics: Metrics) -> None:
    clock = Clock()
    watch = BlockWatch(Pulse(metrics, clock=clock), metrics, clock=clock)
    clock.now += 30
    watch.look()
    clock.now += 0.25
    watch.look()
    assert value(metrics, "event_loop_blocked_total") == 0


async def test_one_that_hangs_after_it_was_stopped_is(metrics: Metrics) -> None:
    clock = Clock()
    watch = BlockWatch(Pulse(metrics, clock=clock), metrics, clock=clock)
    clock.now += 30
    for _ in range(10):
        watch.look()
        clock.now += 0.25
    assert value(metrics, "event_loop_blocked_total") == 1


async def test_a_loop_that_turns_is_left_alone(metrics: Metrics) -> None:
    clock = Clock()
    pulse = Pulse(metrics, clock=clock)
    watch = BlockWatch(pulse, metrics, clock=clock)
    for _ in range(100):
        clock.now += 0.25
        pulse.last_beat = clock.now - 0.1
        watch.look()
    assert value(metrics, "event_loop_blocked_total") == 0
