"""I8 and I10: states move along the drawn graph, and when their time is up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf

from tests.chaos.checker.case import Case, Row, Stay, is_first_yes
from tests.chaos.checker.finding import Finding, Violation

GRAPH: Mapping[str, frozenset[tuple[str | None, str]]] = {
    "request": frozenset({
        (None, "pending"),
        ("pending", "matched"), ("pending", "cancelled"), ("pending", "timeout"),
        ("matched", "confirmed"), ("matched", "pending"), ("matched", "cancelled"), ("matched", "timeout"),
    }),
    "match": frozenset({
        (None, "proposed"),
        ("proposed", "confirmed"), ("proposed", "declined"), ("proposed", "expired"),
        ("confirmed", "ready"), ("confirmed", "failed"),
        ("ready", "closed"),
    }),
}  # fmt: skip
"""docs/protocol.md draws it."""
EARLY_SECONDS = 0.001
LATE_SECONDS = 5.0


def only_drawn_moves(case: Case) -> Finding:
    """I8: every change of a state is an arrow of the graph, and none is missing."""
    violations = [
        Violation(f"{row['kind']}: {row['old']} to {row['new']}", row["at"], {row["kind"]: row["id"]})
        for row in case.audit
        if (row["old"], row["new"]) not in GRAPH[row["kind"]] and not is_first_yes(row)
    ]
    for kind, rows, stays in _kinds(case):
        for one, row in rows.items():
            violations += _gaps(kind, row, stays.get(one, ()))
    return Finding(
        number="I8",
        name="states move along the drawn graph",
        looked_at={"changes": len(case.audit), "requests": len(case.requests), "matches": len(case.matches)},
        violations=violations,
    )


def _kinds(case: Case) -> Iterator[tuple[str, Mapping[str, Row], Mapping[str, Sequence[Stay]]]]:
    yield "request", case.requests, case.request_stays
    yield "match", case.matches, case.match_stays


def _gaps(kind: str, row: Row, stays: Sequence[Stay]) -> Iterator[Violation]:
    """The audit tells one story from the insert to the row as it is."""
    ids = {kind: row["id"]}
    if not stays or stays[0].came["old"] is not None:
        yield Violation(f"{kind}: nobody saw it come", 0.0, ids)
    for one, following in pairwise(stays):
        if following.came["old"] != one.state:
            yield Violation(f"{kind}: {one.state}, then {following.came['old']}", following.began, ids)
    if stays and stays[-1].state != row["status"]:
        yield Violation(f"{kind}: last seen {stays[-1].state}, and is {row['status']}", stays[-1].began, ids)


def time_is_postgres_time(case: Case) -> Finding:
    """I10: nothing times out before its moment by PostgreSQL's clock, and nothing long after."""
    timed_out = list(_timed_out(case))
    moved = list(_moved(case))
    violations = [
        Violation("match: deadline moved, and nothing was broken", stay.ended, {"match": match_id})
        for match_id, stay in moved
        if not case.windows.touch(stay.began, stay.ended)
    ]
    lateness: list[float] = []
    for kind, one, due, moment in timed_out:
        if moment < due - EARLY_SECONDS:
            violations.append(Violation(f"{kind}: {due - moment:.3f} s too early", moment, {kind: one}))
        elif moment > case.windows.latest(due, LATE_SECONDS):
            violations.append(Violation(f"{kind}: {moment - due:.1f} s too late", moment, {kind: one}))
        if not case.windows.touch(due - LATE_SECONDS, moment):
            lateness.append(moment - due)
    return Finding(
        number="I10",
        name="deadlines are PostgreSQL's clock",
        looked_at={"deadlines": len(timed_out)},
        violations=violations,
        figures={"latest in calm ms": round(1000 * max(lateness, default=0.0), 1), "moved after outages": len(moved)},
    )


def _moved(case: Case) -> Iterator[tuple[str, Stay]]:
    """Matches that got time back while they were proposed."""
    for match_id, stays in case.match_stays.items():
        first = stays[0]
        if first.went is not None and first.went["deadline"] != first.came["deadline"]:
            yield match_id, first


def _timed_out(case: Case) -> Iterator[tuple[str, str, float, float]]:
    """Kind, id, deadline, and when it was acted upon."""
    for request_id, stays in case.request_stays.items():
        for stay in stays:
            if stay.state == "pending" and stay.went is not None and stay.went["new"] == "timeout":
                yield "request", request_id, stay.went["expires_at"], stay.ended
    for match_id, stays in case.match_stays.items():
        first = stays[0]
        if first.ended < inf and first.went is not None:
            due = first.went["deadline"]  # as it was by then
            if first.went["new"] == "expired" or first.ended > due + LATE_SECONDS:
                yield "match", match_id, due, first.ended
