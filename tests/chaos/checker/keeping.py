"""I2: nothing that was acknowledged is lost, and everything ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import inf

from tests.chaos.checker.case import Case
from tests.chaos.checker.finding import Finding, Violation

OVERDUE_SECONDS = 5.0
ENDS = ("confirmed", "cancelled", "timeout")


def every_request_is_kept(case: Case) -> Finding:
    """I2: every acknowledged request is durable, stays in the index, and ends in time."""
    asked = {one.got["id"] for one in case.called("request")}
    violations = [*_lost(case, asked), *_unended(case), *_late(case)]
    violations += [
        Violation(f"absent from the index for {one.until - one.since:.1f} s", one.since, {"request": one.request_id})
        for one in case.evidence.absences
    ]
    return Finding(
        number="I2",
        name="every acknowledged request is kept, and ends",
        looked_at={"acknowledged": len(asked), "requests": len(case.requests)},
        violations=violations,
    )


def _lost(case: Case, asked: Collection[str]) -> Iterator[Violation]:
    for request_id in asked:
        if request_id not in case.requests:
            yield Violation("acknowledged, and not there", 0.0, {"request": request_id})


def _unended(case: Case) -> Iterator[Violation]:
    for request_id, row in case.requests.items():
        if row["status"] not in ENDS:
            yield Violation(f"still {row['status']} at the end", row["created_at"], {"request": request_id})


def _late(case: Case) -> Iterator[Violation]:
    for request_id, stays in case.request_stays.items():
        for stay in stays:
            if stay.state == "pending" and stay.went is not None:
                due = case.outages.latest(stay.went["expires_at"] or inf, OVERDUE_SECONDS)
                if stay.ended > due:
                    yield Violation(f"pending {stay.ended - due:.1f} s too long", due, {"request": request_id})
