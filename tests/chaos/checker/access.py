"""I6: nobody sees what is another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.checker.case import Case, Row, partner_of
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Frame, Operation, Outcome

NOT_FOUND = 404


def nobody_sees_another(case: Case) -> Finding:
    """I6: every frame and answer is about what is its receiver's own; strangers get 404."""
    violations: list[Violation] = []
    for frame in case.evidence.frames:
        violations += _foreign_frame(case, frame)
    for operation in case.acknowledged:
        violations += _foreign_answer(case, operation)
    for operation in case.strange:
        violations += _disclosed(operation)
    return Finding(
        number="I6",
        name="nobody sees what is another's",
        looked_at={
            "frames": len(case.evidence.frames),
            "answers": len(case.acknowledged),
            "strangers' calls": len(case.strange),
        },
        violations=violations,
    )


def _disclosed(operation: Operation) -> Iterator[Violation]:
    if operation.outcome is Outcome.OK or (operation.outcome is Outcome.FAIL and operation.status != NOT_FOUND):
        what = f"a stranger's {operation.name} was answered {operation.status}"
        yield Violation(what, operation.invoked, {"stranger": operation.user_id} | _ids(operation.sent))


def _foreign_answer(case: Case, operation: Operation) -> Iterator[Violation]:
    got = operation.got
    about = {
        "request": got.get("id") if operation.name == "request" else None,
        "match": got.get("match_id"),
        "session": got.get("session_id"),
    }
    for kind in _foreign(case, operation.user_id, about):
        ids = {"user": operation.user_id} | _ids(got)
        yield Violation(f"{operation.name} answered with another's {kind}", operation.ended, ids)
    users = got.get("users")
    if users is not None and operation.user_id not in users:
        yield Violation("a session was shown to no member", operation.ended, {"user": operation.user_id} | _ids(got))


def _foreign_frame(case: Case, frame: Frame) -> Iterator[Violation]:
    body, user_id = frame.body, frame.user_id
    match body.get("type"):
        case "pong" | "error":
            return
        case "state":
            wrong = list(_foreign_state(case, user_id, body))
        case "partner_left":
            match = case.by_session.get(body["session_id"])
            is_right = match is not None and partner_of(match, user_id) == body["user_id"]
            wrong = [] if is_right else ["session"]
        case "match_found" | "partner_confirmed" | "match_ready" | "match_expired" | "request_timeout":
            wrong = list(_foreign_news(case, user_id, body))
        case unknown:
            wrong = [f"frame, of the unknown type {unknown}"]
    for kind in wrong:
        ids = {"user": user_id, "socket": str(frame.socket)} | _ids(body)
        yield Violation(f"{body.get('type')} about another's {kind}", frame.at, ids)


def _foreign_news(case: Case, user_id: str, body: Row) -> Iterator[str]:
    about = {"request": body.get("request_id"), "match": body.get("match_id"), "session": body.get("session_id")}
    yield from _foreign(case, user_id, about)
    partner = body.get("partner_id")
    match = case.matches.get(body.get("match_id", ""))
    if partner is not None and match is not None and partner_of(match, user_id) != partner:
        yield "partner"


def _foreign_state(case: Case, user_id: str, body: Row) -> Iterator[str]:
    request, match, session = (body.get(name) or {} for name in ("request", "match", "session"))
    about = {"request": request.get("id"), "match": match.get("match_id"), "session": session.get("session_id")}
    yield from _foreign(case, user_id, about)
    for part in (match, session):
        row = case.matches.get(part.get("match_id", ""))
        if row is not None and partner_of(row, user_id) != part.get("partner_id"):
            yield "partner"


def _foreign(case: Case, user_id: str, about: Mapping[str, str | None]) -> Iterator[str]:
    """The kinds of those ids that are nobody's, or somebody else's."""
    if (request_id := about.get("request")) and _owner(case.requests.get(request_id)) != user_id:
        yield "request"
    if (match_id := about.get("match")) and not _is_in(case.matches.get(match_id), user_id):
        yield "match"
    if (session_id := about.get("session")) and not _is_in(case.by_session.get(session_id), user_id):
        yield "session"


def _owner(request: Row | None) -> str | None:
    return request["user_id"] if request else None


def _is_in(match: Row | None, user_id: str) -> bool:
    return match is not None and bool(partner_of(match, user_id))


def _ids(body: Mapping[str, Any]) -> dict[str, str]:
    names = ("request_id", "match_id", "session_id")
    return {name.removesuffix("_id"): str(body[name]) for name in names if body.get(name)}
