"""Every invariant, in the order of the report, and the judge who asks for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.chaos.checker.access import nobody_sees_another
from tests.chaos.checker.agreement import all_tell_the_same
from tests.chaos.checker.answers import every_answer_was_true
from tests.chaos.checker.bounds import everything_is_bounded, memory_stays
from tests.chaos.checker.cancelling import cancelled_stays_cancelled
from tests.chaos.checker.case import Case
from tests.chaos.checker.conduct import nobody_ends_unasked, nothing_loud_is_logged, the_run_was_one
from tests.chaos.checker.events import every_session_is_announced, no_event_is_premature
from tests.chaos.checker.finding import Finding, Verdict
from tests.chaos.checker.keeping import every_request_is_kept
from tests.chaos.checker.living import one_at_a_time
from tests.chaos.checker.pairing import oldest_first, paired_at_once
from tests.chaos.checker.repeats import repeating_changes_nothing
from tests.chaos.checker.secrets import nothing_secret_is_printed
from tests.chaos.checker.states import only_drawn_moves, time_is_postgres_time
from tests.chaos.checker.telling import everyone_connected_hears
from tests.chaos.evidence import Evidence

INVARIANTS: Final[tuple[Callable[[Case], Finding], ...]] = (
    one_at_a_time,
    every_request_is_kept,
    every_session_is_announced,
    oldest_first,
    no_event_is_premature,
    nobody_sees_another,
    all_tell_the_same,
    only_drawn_moves,
    cancelled_stays_cancelled,
    time_is_postgres_time,
    repeating_changes_nothing,
    everything_is_bounded,
    paired_at_once,
    everyone_connected_hears,
    nothing_secret_is_printed,
    the_run_was_one,
    every_answer_was_true,
    nobody_ends_unasked,
    memory_stays,
    nothing_loud_is_logged,
)
"""I1 to I15 of docs/reliability.md, then P0."""


def judge(evidence: Evidence) -> Verdict:
    """All findings about a run."""
    case = Case(evidence)
    return Verdict([find(case) for find in INVARIANTS], acknowledged=len(case.acknowledged))
