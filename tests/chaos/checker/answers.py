"""P0: every answer was true when it was given, and what was done stays done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from tests.chaos.checker.case import CLOCK_SECONDS, OPEN, Case, Row, seat
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Operation, Outcome

NOT_FOUND = 404
CONFLICT = 409
REASONS = {"declined": "declined", "confirmation_timeout": "expired", "session_unavailable": "failed"}
TOLD = {
    "pending": "pending",
    "matched": "matched",
    "confirmed": "matched",
    "cancelled": "cancelled",
    "timeout": "timeout",
}
"""What the API calls each state of a request."""


def every_answer_was_true(case: Case) -> Finding:
    """P0: the tables and their history contradict no answer."""
    looked_at = 0
    violations: list[Violation] = []
    for one in case.operations:
        if one.outcome is Outcome.UNKNOWN:
            continue
        looked_at += 1
        check = (DONE if one.outcome is Outcome.OK else REFUSED).get(one.name)
        lie = check(case, one) if check else ""
        if lie:
            ids = {"user": one.user_id} | {
                name.removesuffix("_id"): str(value)
                for name, value in {**one.sent, **one.got}.items()
                if name in ("request_id", "match_id", "session_id") and value
            }
            violations.append(Violation(f"{one.name} {one.status}: {lie}", one.ended, ids))
    return Finding(
        number="P0",
        name="every answer was true",
        looked_at={"answers": looked_at},
        violations=violations,
    )


# -- done: each returns what was not true, or nothing ------------------------------------------------


def _status(case: Case, one: Operation) -> str:
    stays = list(case.during(case.request_stays.get(one.sent["request_id"], ()), one.invoked, one.ended))
    told = one.got["status"]
    seen = [stay for stay in stays if TOLD[stay.state] == told]
    if not seen:
        return f"told {told}, and was {' or '.join(stay.state for stay in stays)}"
    if told == "matched" and all(one.got["match_id"] != stay.came["match_id"] for stay in seen):
        return "told of another match"
    return ""


def _match_status(case: Case, one: Operation) -> str:
    stays = list(case.during(case.match_stays.get(one.sent["match_id"], ()), one.invoked, one.ended))
    seen = [stay.state for stay in stays]
    if one.got["status"] not in seen:
        return f"told {one.got['status']}, and was {' or '.join(seen)}"
    is_open = one.got["status"] in OPEN
    if one.got["confirm_status"] != is_open or (one.got["session_id"] is not None) != is_open:
        return "confirmed is not what it says"
    match = case.matches[one.sent["match_id"]]
    if one.got["you_confirmed"] and not _by_then(seat(match, one.user_id, "confirmed_at"), one):
        return "says that you confirmed"
    return ""


def _confirm(case: Case, one: Operation) -> str:
    match = case.matches.get(one.sent["match_id"])
    if match is None:
        return "no such match"
    if not _by_then(seat(match, one.user_id, "confirmed_at"), one):
        return "the yes is not noted"
    if one.got.get("session_id") and case.reached(match["id"], *OPEN) > one.ended + CLOCK_SECONDS:
        return "the session was not ready"
    if one.got.get("status") == "preparing_session" and case.reached(match["id"], "confirmed") == inf:
        return "both never confirmed"
    return ""


def _decline(case: Case, one: Operation) -> str:
    match = case.matches.get(one.sent["match_id"])
    if match is None or match["status"] != "declined" or match["declined_by"] != one.user_id:
        return "the match is not declined by its caller"
    return ""


def _leave(case: Case, one: Operation) -> str:
    match = case.by_session.get(one.sent["session_id"])
    return "" if match is not None and _by_then(seat(match, one.user_id, "left_at"), one) else "has not left"


def _in_session(case: Case, one: Operation) -> str:
    match = case.by_session.get(one.got["session_id"])
    if match is None or case.reached(match["id"], *OPEN) > one.ended + CLOCK_SECONDS:
        return "the session was not ready"
    return "had left by then" if _left_before(case, match, one.user_id, one.invoked) else ""


# -- refused -----------------------------------------------------------------------------------------


def _no_request(case: Case, one: Operation) -> str:
    """A live request in the way, or nothing of the kind."""
    if one.status != CONFLICT:
        return ""
    stays = case.request_stays.get(one.got.get("request_id", ""), ())
    live = any(stay.state in ("pending", "matched") for stay in case.during(stays, one.invoked, one.ended))
    return "" if live else "no such live request"


def _own_request(case: Case, one: Operation) -> str:
    row = case.requests.get(one.sent.get("request_id", ""))
    unknown = one.status == NOT_FOUND and row is not None and row["user_id"] == one.user_id
    return "the caller's own request is not found" if unknown else ""


def _own_match(case: Case, one: Operation) -> str:
    """Not found, closed, or too late: as the case may be."""
    match = case.matches.get(one.sent.get("match_id", ""))
    if match is None or not _is_in(match, one.user_id):
        return ""
    match one.got.get("code"):
        case "match_not_found":
            return "the caller's own match is not found"
        case "match_closed":
            state = REASONS.get(str(one.got.get("reason")), "")
            overdue = state == "expired" and match["deadline"] <= one.ended + CLOCK_SECONDS
            ended = overdue or case.reached(match["id"], state) <= one.ended + CLOCK_SECONDS
            return "" if ended else f"told {one.got.get('reason')}, and was not"
        case "session_opened":
            return "" if case.reached(match["id"], "confirmed") <= one.ended + CLOCK_SECONDS else "was not confirmed"
        case _:
            return ""


def _own_session(case: Case, one: Operation) -> str:
    match = case.by_session.get(one.sent.get("session_id", ""))
    return "the caller's own session is not found" if match and _could_be_read(case, match, one) else ""


def _no_active(case: Case, one: Operation) -> str:
    matches = case.matches_of_user.get(one.user_id, ())
    return "there was an active session" if any(_could_be_read(case, match, one) for match in matches) else ""


def _could_be_read(case: Case, match: Row, one: Operation) -> bool:
    """Whether the session was open from before the call until after it."""
    if one.status != NOT_FOUND or not _is_in(match, one.user_id):
        return False
    left = seat(match, one.user_id, "left_at")
    visible = case.outages.latest(case.reached(match["id"], *OPEN), 1.0)
    return visible < one.invoked and (left is None or left > one.ended + CLOCK_SECONDS)


def _is_in(match: Row, user_id: str) -> bool:
    """Whether the user is one of the two."""
    return user_id in (match["user1_id"], match["user2_id"])


def _left_before(case: Case, match: Row, user_id: str, moment: float) -> bool:
    left = seat(match, user_id, "left_at")
    return left is not None and case.outages.latest(left, 1.0) < moment


def _by_then(moment: float | None, one: Operation) -> bool:
    return moment is not None and moment <= one.ended + CLOCK_SECONDS


Check = Callable[[Case, Operation], str]
DONE: Mapping[str, Check] = {
    "status": _status,
    "match_status": _match_status,
    "confirm": _confirm,
    "decline": _decline,
    "leave": _leave,
    "session": _in_session,
    "active": _in_session,
}
"""A request that was accepted is looked at by I2, a cancellation by I9."""
REFUSED: Mapping[str, Check] = {
    "request": _no_request,
    "status": _own_request,
    "cancel": _own_request,
    "match_status": _own_match,
    "confirm": _own_match,
    "decline": _own_match,
    "session": _own_session,
    "leave": _own_session,
    "active": _no_active,
}
