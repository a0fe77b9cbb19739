"""I9: a cancelled request stays cancelled, and a refusal tells the truth."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from tests.chaos.checker.case import CLOCK_SECONDS, OPEN, Case
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Operation

CONFLICT = 409


def cancelled_stays_cancelled(case: Case) -> Finding:
    """I9: after a 200 on cancel there is never a session; a 409 says why not."""
    cancelled = list(case.called("cancel"))
    refused = [one for one in case.operations if one.name == "cancel" and one.status == CONFLICT]
    violations = [violation for one in cancelled for violation in _undone(case, one)]
    violations += [violation for one in refused for violation in _lied(case, one)]
    return Finding(
        number="I9",
        name="cancelled stays cancelled",
        looked_at={"cancelled": len(cancelled), "refused": len(refused)},
        violations=violations,
    )


def _undone(case: Case, operation: Operation) -> Iterator[Violation]:
    request_id = operation.sent["request_id"]
    ids = {"request": request_id}
    row = case.requests.get(request_id)
    if row is None or row["status"] != "cancelled":
        yield Violation(f"cancelled, and is {row['status'] if row else 'gone'}", operation.ended, ids)
        return
    cancelled = next((one.began for one in case.request_stays[request_id] if one.state == "cancelled"), inf)
    if cancelled > operation.ended + CLOCK_SECONDS:
        yield Violation("told before it was cancelled", operation.ended, ids)
    for match in case.matches_of_request.get(request_id, ()):
        if case.reached(match["id"], *OPEN) < inf or _confirmed_after(case, match["id"], cancelled):
            yield Violation("a session for a cancelled request", operation.ended, ids | {"match": match["id"]})


def _confirmed_after(case: Case, match_id: str, moment: float) -> bool:
    return moment < case.reached(match_id, "confirmed") < inf


def _lied(case: Case, operation: Operation) -> Iterator[Violation]:
    request_id, code = operation.sent["request_id"], operation.got.get("code")
    match code:
        case "session_opened":
            matches = case.matches_of_request.get(request_id, ())
            told = operation.got.get("match_id"), operation.got.get("session_id")
            true = any(
                case.reached(match["id"], "confirmed") <= operation.ended + CLOCK_SECONDS
                and told[0] == match["id"]
                and told[1] in (None, match["session_id"])
                for match in matches
            )
        case "request_timed_out":
            stays = case.request_stays.get(request_id, ())
            true = any(one.state == "timeout" and one.began <= operation.ended + CLOCK_SECONDS for one in stays)
        case _:
            true = False
    if not true:
        yield Violation(f"refused as {code}, which is not true", operation.ended, {"request": request_id})
