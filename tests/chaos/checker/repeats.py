"""I11: said again, nothing more happens."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.checker.case import CLOCK_SECONDS, LEFT, Case, seat, users_of
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Operation

CREATED = 201


def repeating_changes_nothing(case: Case) -> Finding:
    """I11: however often a call is made: one row, one session, one departure, and answers that agree."""
    calls: dict[tuple[str, str, str], list[Operation]] = defaultdict(list)
    for one in case.acknowledged:
        calls[one.user_id, one.name, str(sorted(one.sent.items()))].append(one)
    repeated = {key: ones for key, ones in calls.items() if len(ones) > 1}
    violations = [*_made_twice(case), *_kept_no_place(case), *_departures(case), *_heard_twice(case), *_hashes(case)]
    for (user_id, name, _), ones in repeated.items():
        violations += [Violation(what, ones[-1].ended, {"user": user_id}) for what in _disagree(name, ones)]
    return Finding(
        number="I11",
        name="repeating changes nothing",
        looked_at={"repeated calls": len(repeated), "their answers": sum(map(len, repeated.values()))},
        violations=violations,
    )


def _made_twice(case: Case) -> Iterator[Violation]:
    """A 201 made its row, there and then."""
    made: set[str] = set()
    for one in case.called("request"):
        if one.status != CREATED:
            continue
        request_id = one.got["id"]
        stays = case.request_stays.get(request_id)
        if request_id in made or (stays and not _within(one, stays[0].began)):
            yield Violation("201 for what was there already", one.ended, {"request": request_id})
        made.add(request_id)


def _kept_no_place(case: Case) -> Iterator[Violation]:
    """Whoever asks again while pending is told of that request."""
    for one in case.called("request"):
        stays = case.request_stays.get(one.got["id"], ())
        if one.got.get("already_queued") and stays:
            seen = case.during(stays, one.invoked, one.ended)
            if not any(stay.state == "pending" for stay in seen):
                yield Violation("already queued, but not pending", one.ended, {"request": one.got["id"]})


def _departures(case: Case) -> Iterator[Violation]:
    told = Counter(
        (event.body["session_id"], event.body["user_id"]) for event in case.events if event.routing_key == LEFT
    )
    for session_id, match in case.by_session.items():
        for user_id in users_of(match):
            expected = 1 if seat(match, user_id, "left_at") is not None else 0
            count = told.pop((session_id, user_id), 0)
            if count != expected:
                ids = {"session": session_id, "user": user_id}
                yield Violation(f"{count} session.left events for {expected} departures", 0.0, ids)
    for session_id, user_id in told:
        yield Violation("session.left by a stranger", 0.0, {"session": session_id, "user": user_id})


def _heard_twice(case: Case) -> Iterator[Violation]:
    heard: Counter[tuple[str, int, str]] = Counter(
        (frame.user_id, frame.socket, frame.body["session_id"])
        for frame in case.evidence.frames
        if frame.body.get("type") == "partner_left"
    )
    for (user_id, socket, session_id), times in heard.items():
        if times > 1:
            ids = {"user": user_id, "socket": str(socket), "session": session_id}
            yield Violation(f"partner_left {times} times over one socket", 0.0, ids)


def _hashes(case: Case) -> Iterator[Violation]:
    for match_id, count in Counter(row["match_id"] for row in case.table("sessions") if row.get("match_id")).items():
        if count > 1:
            yield Violation(f"{count} sessions in Redis for one match", 0.0, {"match": match_id})


def _disagree(name: str, ones: list[Operation]) -> Iterator[str]:
    """What answers to equal calls say of the past must be the same; `waiting`, and then a session, is progress."""
    if name == "leave" and sum(one.got.get("status") == "left" for one in ones) > 1:
        yield "left twice"
    for field in ("session_id", "question_id", "partner_id", "requeued_partner"):
        if name != "active" and len({one.got[field] for one in ones if one.got.get(field) is not None}) > 1:
            yield f"{name} answered with different {field}"


def _within(one: Operation, moment: float) -> bool:
    return one.invoked - CLOCK_SECONDS <= moment <= one.ended + CLOCK_SECONDS
