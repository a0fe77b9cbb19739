"""The judge as a whole: a flawless run is clean, and a large one is judged soon."""

import time
from collections.abc import Callable

import pytest

from tests.chaos.checker import INVARIANTS, Finding, judge
from tests.chaos.checker.case import Case
from tests.chaos.evidence import Evidence
from tests.chaos.story import Story, a_session, a_story

IN_CALM_SECONDS = 20.0


@pytest.mark.parametrize("find", INVARIANTS)
def test_a_flawless_run_breaks_no_promise(find: Callable[[Case], Finding]) -> None:
    assert [str(one) for one in find(a_story().case()).violations] == []


def test_the_registry_has_every_invariant_in_order_and_then_what_holds_in_every_run() -> None:
    numbers = [finding.number for finding in judge(a_story().evidence()).findings]
    assert [number for number in numbers if number != "P0"] == [f"I{number}" for number in range(1, 16)]
    assert numbers[15:] == ["P0"] * 5


def test_every_finding_says_what_was_looked_at() -> None:
    for finding in judge(a_story().evidence()).findings:
        assert finding.looked_at, finding.number


def test_a_run_without_people_is_not_clean() -> None:
    verdict = judge(Evidence(run={"plan": {}}))
    assert not verdict.is_clean
    assert [str(one) for one in verdict.finding("P0").violations] == ["nobody was served: this run proves nothing"]


def test_acknowledged_operations_are_those_that_were_answered_with_success() -> None:
    story = a_story()
    before = judge(story.evidence()).acknowledged
    story.calls("ann", "leave", 50.0, {"session_id": "s"}, {}, status=503)
    story.calls("ann", "active", 50.0, {}, {"code": "session_not_found"}, status=404)
    story.calls("zed", "active", 50.0, {"stranger": True}, {}, status=404)
    assert judge(story.evidence()).acknowledged == before == len(story.operations) - 3


def test_a_hundred_thousand_operations_and_fifty_thousand_frames_are_judged_in_time() -> None:
    story = Story()
    for number in range(12_500):
        a_session(story, f"a{number}", f"b{number}", 1.0 + number / 10, topic=f"Topic {number % 12}")
    story.run |= {"ended": 1300.0, "drained": 1301.0}
    evidence = story.evidence()
    assert len(evidence.operations) >= 100_000
    assert len(evidence.frames) >= 50_000
    began = time.process_time()
    verdict = judge(evidence)
    assert time.process_time() - began < IN_CALM_SECONDS
    assert verdict.is_clean
