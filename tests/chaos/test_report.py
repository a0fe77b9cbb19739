"""What is told of a judged run: figures, lines, and a page."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf

import pytest

from tests.chaos.checker import Finding, Violation
from tests.chaos.page import page
from tests.chaos.report import SHOWN, Judged, lines, spoken, summed, told
from tests.chaos.series import Recovery, recoveries, seconds
from tests.chaos.story import Story, a_session, a_story


def busy(*, quiet: tuple[float, float]) -> Story:
    """A match every half second for twenty seconds, but for the time in *quiet*, when calls fail."""
    story = Story()
    story.run |= {"ended": 25.0, "drained": 26.0, "seed": 7, "command": "./run chaos --seed 7"}
    for number in range(40):
        at = 1.0 + number / 2
        if quiet[0] <= at < quiet[1]:
            story.calls("zed", "request", at, {}, {}, status=503)
        else:
            a_session(story, f"a{number}", f"b{number}", at, topic=f"Topic {number}")
    return story


def only(story: Story) -> Recovery:
    [recovery] = recoveries(story.evidence())
    return recovery


def test_seconds_count_answers_and_matches_where_they_fall() -> None:
    story = Story()
    story.calls("ann", "active", 0.5, {}, {}, seconds=0.09)
    story.calls("ann", "active", 2.5, {}, {}, status=503)
    by_second = seconds(story.evidence())
    assert [(one.ok, one.unknown, one.matches) for one in by_second] == [(1, 0, 0), (0, 0, 0), (0, 1, 0)]
    assert by_second[0].p50_ms == by_second[0].p99_ms == pytest.approx(100)
    story.pairs(story.asks("ann", 1.2), story.asks("ben", 1.2), 1.4)
    assert [one.matches for one in seconds(story.evidence())] == [0, 1, 0]


def test_recovery_is_measured_from_the_moment_of_healing() -> None:
    story = busy(quiet=(6.0, 10.0))
    story.breaks("postgres", at=6.0, until=9.0, number="F18")
    recovery = only(story)
    assert recovery.gap_during == pytest.approx(3.0, abs=0.3)
    assert recovery.gap_after == pytest.approx(1.15, abs=0.2)
    assert recovery.first_match == pytest.approx(1.15, abs=0.01)
    assert recovery.normal == pytest.approx(1.0)
    assert recovery.is_met


def test_a_fault_after_which_nothing_works_again_is_never_over() -> None:
    story = busy(quiet=(6.0, 30.0))
    story.breaks("postgres", at=6.0, until=12.0, number="F18")
    recovery = only(story)
    assert (recovery.first_match, recovery.normal, recovery.is_met) == (inf, inf, False)
    assert spoken(recovery.normal) == "never"


def test_a_fault_that_nobody_noticed_is_normal_at_once() -> None:
    story = busy(quiet=(0.0, 0.0))
    story.breaks("rabbitmq", at=6.0, until=9.0, number="F25")
    assert (only(story).normal, only(story).is_met) == (0.0, None)


def test_no_match_is_missed_once_nobody_comes_any_more() -> None:
    story = busy(quiet=(15.0, 30.0))
    story.breaks("rabbitmq", at=12.0, until=14.0, number="F25")
    assert only(story).gap_after > 5
    story.run["plan"] = {"replicas": 3, "seconds": 15.0}
    assert only(story).gap_after < 1


def test_a_line_says_what_was_looked_at_and_how_many_broke_it() -> None:
    finding = Finding(number="I1", name="one live request", looked_at={"users": 4211, "matches": 9310})
    assert re.fullmatch(r"I1 +one live request +4,211 users, 9,310 matches looked at: 0 violations", told(finding))
    broken = replace(finding, violations=[Violation("twice")], figures={"worst ms": 1234.5})
    assert told(broken).endswith("looked at: 1 violation  [worst ms 1,234.5]")


def test_the_first_violations_are_spelt_out_and_the_rest_is_counted() -> None:
    story = a_story()
    for number in range(SHOWN + 2):
        story.asks(f"gil{number}", 30.0, topic=f"T{number}")
    said = list(lines(Judged.of(story.evidence())))
    assert sum("still pending at the end" in line for line in said) == SHOWN
    assert "      and 2 more" in said


def test_sums_are_over_all_runs() -> None:
    good, bad = a_story(), a_story()
    bad.run["drained"] = 200.0
    bad.asks("gil", 30.0)
    runs = [Judged.of(story.evidence()) for story in (good, bad)]
    acknowledged = len(good.operations) + len(bad.operations)
    sums = f"2 runs: {acknowledged} acknowledged operations, 4 matches, 0 faults: 2 violations (I2: 1, P0: 1)"
    assert summed(runs) == sums


def test_a_page_stands_alone_and_has_every_number() -> None:
    story = busy(quiet=(6.0, 10.0))
    story.breaks("postgres", at=6.0, until=9.0, number="F18")
    run = Judged.of(story.evidence())
    html = page([run])
    assert html.count("<svg") == 2
    assert not re.search(r"https?://|<script|<link|@import", html)
    assert "$" not in re.sub(r"<style>.*</style>", "", html, flags=re.DOTALL)
    assert all(finding.name in html.replace("&#x27;", "'") for finding in run.verdict.findings)
    assert (html.count("<title>F18 a-fault<"), html.count(">F18</text>")) == (2, 2)


def test_a_page_shows_what_is_broken_and_escapes_it() -> None:
    story = a_story()
    story.asks("<gil>", 30.0)
    story.run["command"] = "<script>"
    html = page([Judged.of(story.evidence())])
    assert '<tr class="broken">' in html
    assert "<script>" not in html
