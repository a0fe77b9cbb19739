"""The page: everything is on it, and it needs nothing else."""

from __future__ import annotations

import re

from tests.load.growth.findings import GrowthReport
from tests.load.growth.subject import Subject
from tests.load.numbers import Latency, Series, curve
from tests.load.processes import EVERYTHING_ELSE, Cost
from tests.load.ratio import Comparison
from tests.load.report import Generator, Report, page


def a_report(cpu: float = 3.0, **changed: object) -> Report:
    seconds = [0.001, 0.002, 0.4]
    plan: dict[str, object] = {"rate": 1.5, "fsync": False, "url": None, "sizes": (1, 2)}
    figures: dict[str, object] = {
        "program": "flow", "plan": plan, "seconds": 2.0, "users": 6, "matches": 3,
        "latency_ms": {"found": Latency.of(seconds), "flow": Latency.of(seconds)},
        "curves": {"found": curve(seconds), "flow": curve(seconds)},
        "series": Series.of([(0.5, 0.001), (1.5, 0.002), (2.5, 0.4)], 0.0),
        "cost": {"service": Cost(1.0, cpu, 90.0), EVERYTHING_ELSE: Cost(9.0, 77.0, 0.0)},
        "generator": Generator(Latency.of([0.5]), 0.2),
    }  # fmt: skip
    return Report(**figures | changed)  # type: ignore[arg-type]  # whatever a test changes


def test_a_page_stands_alone() -> None:
    html = page(a_report().sheet())
    assert html.count("<svg") == 4
    assert not re.search(r"https?://|<script|<link|@import|url\(", html)
    assert "$" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def test_a_page_has_figures_caveats_command_machine_versions_and_settings() -> None:
    html = page(a_report(caveats=["Of this run only."]).sheet())
    for text in ("Of this run only.", "./run load", "THE GENERATOR WAS LATE", "400.0", "3.00", "processor", "aiohttp"):
        assert text in html, text
    assert "<td>fsync</td><td>no</td>" in html
    assert "<td>sizes</td><td>1, 2</td>" in html


def test_what_the_machine_did_besides_is_in_the_table_and_in_no_picture() -> None:
    html = page(a_report().sheet())
    assert "77.00" in html
    assert ">77 ms<" not in html
    assert ">3 ms<" in html


def test_a_page_says_what_went_wrong_and_escapes_it() -> None:
    html = page(a_report(errors={"<connect>": 2}).sheet())
    assert 'class="broken"><strong>NOT CLEAN' in html
    assert '<tr class="broken"><td>&lt;connect&gt;</td>' in html
    assert "<connect>" not in html


def test_a_comparison_shows_every_round_and_the_median() -> None:
    comparison = Comparison([a_report(2.0), a_report(4.0)], [a_report(4.0), a_report(16.0)])
    html = page(comparison.sheet())
    assert "3.00 times the floor" in html
    assert html.count("<svg") == 5
    assert "<td>median</td>" in html


def test_growth_has_a_table_and_a_plot_for_each_subject() -> None:
    points = [(1, {"a": 1.0}), (100_000, {"a": 2.0})]
    subjects = [Subject(title=title, grows="things", points=points) for title in ("Cost", "Memory")]
    html = page(GrowthReport(program="growth", plan={}, subjects=subjects).sheet())
    assert (html.count("<svg"), html.count("x 2.0")) == (2, 2)
    assert ">100k<" in html
