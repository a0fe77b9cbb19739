"""From many measurements to a few, and when users come."""

from __future__ import annotations

import pytest

from tests.load.arrivals import Arrival
from tests.load.numbers import Latency, Series, curve
from tests.load.report import Generator


def test_a_curve_shows_the_percentiles_that_so_many_values_support_and_the_longest() -> None:
    points = dict(curve([number / 1000 for number in range(1, 101)]))
    assert (points[0.0], points[50.0], points[99.0], points[99.5]) == (1, 50, 99, 100)
    assert 99.9 not in points
    assert curve([]) == ()
    assert curve([0.002]) == [(0.0, 2.0), (50.0, 2.0)]


def test_a_series_has_every_second_also_those_in_which_nothing_ended() -> None:
    series = Series.of([(10.5, 0.002), (10.9, 0.004), (12.1, 0.001), (9.9, 0.003)], start=10.0)
    assert (series.count, series.p50, series.p99) == ((3, 0, 1), (3.0, 0.0, 1.0), (4.0, 0.0, 1.0))
    assert Series.of([], start=0.0) == Series()


def test_in_a_burst_everyone_comes_at_once() -> None:
    assert list(Arrival.BURST.moments(3, 10, seed=1)) == [0.0, 0.0, 0.0]


def test_random_moments_keep_the_rate_and_are_the_same_for_the_same_seed() -> None:
    moments = list(Arrival.POISSON.moments(5000, 100, seed=1))
    assert moments == sorted(moments)
    assert moments == list(Arrival.POISSON.moments(5000, 100, seed=1))
    assert moments[-1] == pytest.approx(50, rel=0.1)


def test_in_a_ramp_users_come_ever_faster_up_to_the_rate() -> None:
    moments = list(Arrival.RAMP.moments(5000, 1000, seed=1))
    assert moments[0] == 0.0
    assert moments[-1] == pytest.approx(10, rel=0.01)
    in_second = [sum(1 for moment in moments if second <= moment < second + 1) for second in range(10)]
    assert in_second == [pytest.approx(100 * second + 50, abs=2) for second in range(10)]


@pytest.mark.parametrize(("arrival", "users"), [("burst", 2000), ("poisson", 2000), ("ramp", 1000)])
def test_a_run_can_be_bounded_by_seconds(arrival: str, users: int) -> None:
    assert Arrival(arrival).users(200, 10) == users
    assert Arrival(arrival).users(0.1, 0.1) == 2


def test_a_generator_that_is_late_or_busy_makes_the_figures_doubtful() -> None:
    lean = Generator(Latency.of([0.001]), 0.5)
    late = Generator(Latency.of([0.011]), 0.5)
    busy = Generator(Latency.of([0.001]), 0.91)
    assert not list(lean.caveats())
    assert [caveat.split(":")[0] for one in (late, busy) for caveat in one.caveats()] == [
        "THE GENERATOR WAS LATE", "THE GENERATOR WAS BUSY",
    ]  # fmt: skip
