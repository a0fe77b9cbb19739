"""I1: nobody twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.checker.case import OPEN, Case, Row, users_of
from tests.chaos.checker.finding import Finding, Violation

LIVE = {"request": ("pending", "matched"), "match": ("proposed", "confirmed")}
_MANY = {"request": "requests", "match": "matches"}


def one_at_a_time(case: Case) -> Finding:
    """I1: a user is in at most one live request and one live match, and both agree."""
    by_user: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in case.audit:
        for user_id in _whose(row):
            by_user[row["kind"], user_id].append(row)
    violations = [
        violation for (kind, user_id), rows in by_user.items() for violation in _twice(kind, user_id, rows)
    ]  # fmt: skip
    violations += [*_seats(case), *_two_sessions(case.table("matches"))]
    users = len({user_id for _, user_id in by_user})
    return Finding(
        number="I1",
        name="one live request and match per user",
        looked_at={"users": users, "matches": len(case.match_stays)},
        violations=violations,
    )


def _whose(row: Row) -> Sequence[str]:
    return (row["user_id"],) if row["kind"] == "request" else users_of(row)


def _twice(kind: str, user_id: str, rows: Iterable[Row]) -> Iterator[Violation]:
    live: set[str] = set()
    for row in rows:
        if row["new"] not in LIVE[kind]:
            live.discard(row["id"])
        elif row["id"] not in live:
            live.add(row["id"])
            if len(live) > 1:
                yield Violation(
                    f"{len(live)} live {_MANY[kind]} at once", row["at"], {"user": user_id, kind: row["id"]}
                )


def _seats(case: Case) -> Iterator[Violation]:
    """A match takes exactly its two requests, when it is made."""
    seats: dict[str, list[str]] = defaultdict(list)
    for row in case.audit:
        if row["kind"] == "request" and row["new"] == "matched":
            seats[row["match_id"]].append(row["id"])
    for match_id, match in case.matches.items():
        taken = sorted(seats.pop(match_id, []))
        if taken != sorted((match["request1_id"], match["request2_id"])):
            yield Violation("its requests did not become matched with it", match["created_at"], {"match": match_id})
    for match_id in seats:
        yield Violation("requests became matched with a match that is not there", 0.0, {"match": match_id})


def _two_sessions(matches: Iterable[Row]) -> Iterator[Violation]:
    seen: dict[str, str] = {}
    for match in matches:
        if match["status"] in OPEN:
            for request_id in (match["request1_id"], match["request2_id"]):
                if request_id in seen:
                    yield Violation("one request, two sessions", 0.0, {"request": request_id, "match": match["id"]})
                seen[request_id] = match["id"]
