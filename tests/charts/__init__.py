"""Pictures for reports, drawn as SVG here, so that a page needs no script and no network.

timeline.py draws lines over seconds with bands for what was broken, plot.py curves over any axis, bars.py bars;
frame.py is what they share, charts.css how they and the pages around them look, in light and in the dark.
"""

from pathlib import Path

from tests.charts.bars import Bars
from tests.charts.frame import Axis, Kind, nice
from tests.charts.plot import Plot
from tests.charts.timeline import Band, Chart

__all__ = ["Axis", "Band", "Bars", "Chart", "Kind", "Plot", "nice", "stylesheet"]


def stylesheet() -> str:
    """What belongs between ``<style>`` and ``</style>``."""
    return Path(__file__).with_name("charts.css").read_text(encoding="utf-8")
