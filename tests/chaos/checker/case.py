"""The evidence opened up: the same records, found by what they are about."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Any

from tests.chaos.checker.windows import Windows, of_faults, of_the_truth
from tests.chaos.evidence import Evidence, Frame, Operation, Outcome

Row = Mapping[str, Any]

FOUND = "match.found"
LEFT = "session.left"
OPEN = ("ready", "closed")
"""States of a match whose session can be read, or could be."""
FAILED = ("declined", "expired", "failed")
"""States of a match that ended without a session."""
COMMIT_SECONDS = 1.0
"""How much later than the audit noted a change others may see it: its commit waits for the disk."""
CLOCK_SECONDS = 0.05
"""How far two moments taken by different processes of one machine may be apart."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A row in one state, from the change that brought it until the next; the last one lasts for ever."""

    state: str
    began: float
    ended: float
    came: Row
    """The audit's row of the change that brought it."""
    went: Row | None
    """The one of the change that ended it."""


@dataclass(frozen=True, slots=True)
class Event:
    """A row of the outbox."""

    event_id: str
    routing_key: str
    body: Row
    published: bool


class Case:
    """One run before the judge.  Everything is worked out once, when it is first asked for."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        plan = evidence.run.get("plan", {})
        self.replicas = int(plan.get("replicas", 3))
        self.windows: Windows = of_faults(evidence.faults)
        """When PostgreSQL, Redis or a replica was touched."""
        self.outages: Windows = of_the_truth(evidence.faults, self.replicas)
        """When nobody could reach PostgreSQL."""

    def table(self, name: str) -> Sequence[Row]:
        return self.evidence.tables.get(name, ())

    @cached_property
    def operations(self) -> Sequence[Operation]:
        """What people did with what is theirs."""
        return [one for one in self.evidence.operations if not one.sent.get("stranger")]

    @cached_property
    def strange(self) -> Sequence[Operation]:
        """What people tried with what is somebody else's."""
        return [one for one in self.evidence.operations if one.sent.get("stranger")]

    @cached_property
    def acknowledged(self) -> Sequence[Operation]:
        """What was answered with success."""
        return [one for one in self.operations if one.outcome is Outcome.OK]

    def called(self, name: str) -> Iterator[Operation]:
        """The acknowledged operations of this *name*."""
        return (one for one in self.acknowledged if one.name == name)

    @cached_property
    def requests(self) -> Mapping[str, Row]:
        return {row["id"]: row for row in self.table("match_requests")}

    @cached_property
    def matches(self) -> Mapping[str, Row]:
        return {row["id"]: row for row in self.table("matches")}

    @cached_property
    def by_session(self) -> Mapping[str, Row]:
        """Matches by the id of their session."""
        return {row["session_id"]: row for row in self.table("matches") if row["session_id"]}

    @cached_property
    def matches_of_request(self) -> Mapping[str, Sequence[Row]]:
        """The matches a request was ever in."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.table("matches"):
            found[row["request1_id"]].append(row)
            found[row["request2_id"]].append(row)
        return found

    @cached_property
    def matches_of_user(self) -> Mapping[str, Sequence[Row]]:
        """The matches a user was ever in."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self.table("matches"):
            for user_id in users_of(row):
                found[user_id].append(row)
        return found

    @cached_property
    def failed_together(self) -> frozenset[frozenset[str]]:
        """Whoever was in a match that ended without a session: the two avoid each other."""
        return frozenset(frozenset(users_of(row)) for row in self.table("matches") if row["status"] in FAILED)

    @cached_property
    def events(self) -> Sequence[Event]:
        return [
            Event(row["event_id"], row["routing_key"], parsed(row["body"]), row["published_at"] is not None)
            for row in self.table("outbox")
        ]

    @cached_property
    def audit(self) -> Sequence[Row]:
        """Every change, in the order in which they happened."""
        return sorted(self.table("audit"), key=lambda row: row["seq"])

    @cached_property
    def request_stays(self) -> Mapping[str, Sequence[Stay]]:
        """The life of each request."""
        return _stays(row for row in self.audit if row["kind"] == "request")

    @cached_property
    def match_stays(self) -> Mapping[str, Sequence[Stay]]:
        """The life of each match."""
        return _stays(row for row in self.audit if row["kind"] == "match")

    @cached_property
    def frames_of(self) -> Mapping[tuple[str, int], Sequence[Frame]]:
        """What came over each socket, by user and number."""
        found: dict[tuple[str, int], list[Frame]] = defaultdict(list)
        for frame in self.evidence.frames:
            found[frame.user_id, frame.socket].append(frame)
        return found

    def reached(self, match_id: str, *states: str) -> float:
        """When a match first came to one of *states*; never is infinitely late."""
        return next((stay.began for stay in self.match_stays.get(match_id, ()) if stay.state in states), inf)

    def during(self, stays: Sequence[Stay], begin: float, end: float) -> Iterator[Stay]:
        """The *stays* that somebody who looked between the two may have seen."""
        for stay in stays:
            seen_until = stay.ended if stay.ended == inf else self.outages.latest(stay.ended, COMMIT_SECONDS)
            if stay.began <= end + CLOCK_SECONDS and seen_until >= begin:
                yield stay


def users_of(match: Row) -> tuple[str, str]:
    """Both, in the order of the queue."""
    return match["user1_id"], match["user2_id"]


def partner_of(match: Row, user_id: str) -> str:
    """The other one; empty for a stranger."""
    first, second = users_of(match)
    return {first: second, second: first}.get(user_id, "")


def seat(match: Row, user_id: str, column: str) -> Any:
    """A column that a match has for each of the two, such as ``left_at``."""
    return match[f"user{1 if match['user1_id'] == user_id else 2}_{column}"]


def is_first_yes(row: Row) -> bool:
    """Whether this line of the audit is the first yes of two: it settles the session's id, and no state."""
    return (row["kind"], row["old"], row["new"]) == ("match", "proposed", "proposed")


def parsed(value: Any) -> Row:
    """A JSON object, whether or not the dump kept it as text; empty for none."""
    found: Row = json.loads(value) if isinstance(value, str) else value or {}
    return found


def _stays(changes: Iterator[Row]) -> Mapping[str, Sequence[Stay]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in changes:
        found[row["id"]].append(row)
    return {one: list(_lived(rows)) for one, rows in found.items()}


def _lived(rows: Sequence[Row]) -> Iterator[Stay]:
    rows = [row for row in rows if not is_first_yes(row)]
    for came, went in pairwise(rows):
        yield Stay(came["new"], came["at"], went["at"], came, went)
    yield Stay(rows[-1]["new"], rows[-1]["at"], inf, rows[-1], None)
