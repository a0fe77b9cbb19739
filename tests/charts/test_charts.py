"""Pictures: what is where, to scale."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from tests.charts import Axis, Band, Bars, Chart, Kind, Plot, nice
from tests.charts.frame import short, widths


def test_lines_and_bands_are_drawn_to_scale() -> None:
    svg = Chart(title="T", lines={"a": [0, 5, 10]}, bands=[Band("F9 <x>", 1.0, 2.0)]).svg()
    assert 'points="56.0,196.0 502.0,111.0 948.0,26.0"' in svg
    assert '<rect class="band" x="502.0" y="26" width="446.0"' in svg
    assert "F9 &lt;x&gt;" in svg


@pytest.mark.parametrize(("value", "axis"), [(0, 1), (0.7, 1), (1, 1), (3, 5), (12, 20), (51, 100), (100, 100)])
def test_axes_end_at_round_numbers(value: float, axis: float) -> None:
    assert nice(value) == axis


def test_every_further_nine_is_as_wide_as_the_one_before() -> None:
    axis = Axis(0.0, 99.9, 0.0, 300.0, Kind.PERCENTILE)
    assert [round(axis.at(value)) for value in (0.0, 90.0, 99.0, 99.9)] == [0, 100, 200, 300]
    assert axis.ticks() == [0.0, 50.0, 90.0, 99.0, 99.9]


def test_every_factor_of_ten_is_as_wide_as_the_next() -> None:
    axis = Axis(100.0, 100_000.0, 0.0, 300.0, Kind.LOG)
    assert [round(axis.at(value)) for value in (1.0, 100.0, 1000.0, 10_000.0, 100_000.0)] == [0, 0, 100, 200, 300]
    assert axis.ticks() == [100.0, 1000.0, 10_000.0, 100_000.0]


def test_an_axis_upwards_has_a_round_end_and_on_a_log_scale_whole_powers_of_ten() -> None:
    assert (Axis.upwards([3, 12]).low, Axis.upwards([3, 12]).high) == (0.0, 20.0)
    assert (Axis.upwards([3, 120], Kind.LOG).low, Axis.upwards([3, 120], Kind.LOG).high) == (1.0, 1000.0)
    assert Axis.upwards([], Kind.LOG).high == 10.0


def test_labels_below_never_overlap() -> None:
    for seconds in range(1, 700, 7):
        places = [float(x) for x in re.findall(r'x="([\d.]+)"', "".join(widths(Axis(0.0, seconds), " s")))]
        assert all(right - left >= 30 for left, right in pairwise(places))


def test_a_plot_has_a_point_for_every_value() -> None:
    svg = Plot(title="<T>", lines={"a": [(0, 1), (50, 2)], "b": [(99, 3)]}, across=Kind.PERCENTILE).svg()
    assert (svg.count("<circle"), svg.count("<polyline")) == (3, 2)
    assert ">p50<" in svg
    assert "<T>" not in svg


def test_a_few_places_are_named_as_they_are() -> None:
    svg = Plot(title="T", lines={"a": [(1000, 1), (5000, 2), (20_000, 3)]}, across=Kind.LOG).svg()
    assert re.findall(r'class="time"[^>]*>([^<]+)<', svg) == ["1000", "5000", "20k"]


def test_bars_are_as_long_as_their_values() -> None:
    svg = Bars(title="T", values={"a": 2.0, "b": 1.0, "none": 0.0}, unit="ms").svg()
    long, half, none = (float(width) for width in re.findall(r'width="([\d.]+)" height="15"', svg))
    assert half == pytest.approx(long / 2, abs=0.1)
    assert none == 1.0
    assert "2 ms" in svg


def test_bars_of_the_same_kind_have_the_same_colour() -> None:
    svg = Bars(title="T", values={"a 1": 2.0, "a 2": 1.0, "b 1": 1.0}).svg()
    assert re.findall(r'rect class="(c\d)"', svg) == ["c0", "c0", "c1"]


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.5"), (1000, "1000"), (20_000, "20k"), (5_000_000, "5M")])
def test_large_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text
