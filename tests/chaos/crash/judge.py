"""What is wrong: pure functions over what people were told and what the stores hold.

A complaint is a sentence.  Some heal with time (nobody was told yet), some never do (two sessions): whoever asks
waits until there is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, NamedTuple

from tests.chaos.crash.account import LOST, Account
from tests.chaos.crash.steps import Story
from tests.chaos.crash.truth import Event, Row, Truth

LIVE_REQUESTS: Final = ("pending", "matched")
LIVE_MATCHES: Final = ("proposed", "confirmed")
OPENED: Final = ("ready", "closed")


class Outcome(NamedTuple):
    """How a story ends."""

    requests: Sequence[str]
    """Of the first and the second person."""
    matches: Sequence[str]
    reason: str = ""
    """Of a match that ended without a session."""
    leavers: int = 0


OUTCOMES: Final[Mapping[Story, Outcome]] = {
    Story.SESSION: Outcome(("confirmed", "confirmed"), ("ready",)),
    Story.CANCEL: Outcome(("cancelled", "pending"), ()),
    Story.DECLINE: Outcome(("cancelled", "pending"), ("declined",), "declined"),
    Story.EXPIRE: Outcome(("pending", "timeout"), ("expired",), "confirmation_timeout"),
    Story.TIME_OUT: Outcome(("timeout",), ()),
    Story.LEAVE: Outcome(("confirmed", "confirmed"), ("ready",), leavers=1),
    Story.LEAVE_BOTH: Outcome(("confirmed", "confirmed"), ("closed",), leavers=2),
}


def complaints(story: Story, people: Sequence[Account], truth: Truth) -> list[str]:
    """Whatever keeps the story from being at its good end."""
    outcome = OUTCOMES[story]
    return [
        *_about_the_end(outcome, people, truth),
        *chain.from_iterable(_about_one(outcome, account, truth) for account in people),
        *_about_everyone(truth),
        *_about_sessions(truth),
        *_about_events(truth),
        *_about_the_index(truth),
    ]


def unmarked(truth: Truth) -> list[str]:
    """What is done, but not yet marked as done."""
    untold = [f"match {row['id']} is not marked as told" for row in truth.matches if row["untold"]]
    waiting = [event for event, is_published in truth.events.items() if not is_published]
    return untold + [f"{event.kind} of {event.session_id} is not marked as published" for event in waiting]


def leftovers(truth: Truth) -> list[str]:
    """People in the index who do not wait: harmless, and taken out when somebody looks."""
    waiting = {row["user_id"] for row in truth.requests if row["status"] == "pending"}
    return [user_id for user_id in truth.queue if user_id not in waiting]


def remains(truth: Truth) -> list[str]:
    """What is wrong when everybody has gone home."""
    live = [f"request {row['id']} is {row['status']}" for row in truth.requests if row["status"] in LIVE_REQUESTS]
    live += [f"match {row['id']} is {row['status']}" for row in truth.matches if row["status"] in LIVE_MATCHES]
    lost = chain(_about_everyone(truth), _about_sessions(truth), _about_events(truth))
    return [*live, *lost, *unmarked(truth), *(f"{one} is in the index" for one in truth.queue)]


def _about_the_end(outcome: Outcome, people: Sequence[Account], truth: Truth) -> Iterator[str]:
    for account, expected in zip(people, outcome.requests, strict=False):
        found = [row["status"] for row in truth.requests if row["user_id"] == account.user_id]
        if found != [expected]:
            yield f"{account.user_id} has the requests {found} instead of one that is {expected}"
    found = [row["status"] for row in truth.matches]
    if found != [*outcome.matches]:
        yield f"the matches are {found} instead of {[*outcome.matches]}"
    left = sum(row["left1"] + row["left2"] for row in truth.matches)
    if left != outcome.leavers:
        yield f"{left} left instead of {outcome.leavers}"


def _about_one(outcome: Outcome, account: Account, truth: Truth) -> Iterator[str]:
    """What one person was told, against the stores and the end of the story."""
    who = account.user_id
    for answer in account.answers:
        if not answer.is_expected:
            yield f"{who}: {answer.name} was answered {answer.status} {dict(answer.body)}"
    if strange := set(account.closes) - {*LOST}:
        yield f"{who}: sockets were closed with {sorted(strange)}"
    mine = [row for row in truth.matches if who in (row["user1_id"], row["user2_id"])]
    known = (
        ("request", account.request_ids, {row["id"] for row in truth.requests if row["user_id"] == who}),
        ("match", account.match_ids, {row["id"] for row in mine}),
        ("session", account.session_ids, {row["session_id"] for row in mine}),
        ("question", account.question_ids, {row["question_id"] for row in mine}),
        ("partner", account.partner_ids, {user_id for user_id in _users(mine) if user_id != who}),
    )
    for what, told, true in known:
        if not told <= true:
            yield f"{who} was told of {what} {sorted(told - true)}, but there is {sorted(map(str, true))}"
    for body in account.answered("read", 200):
        if set(body["users"]) != _users(mine):
            yield f"{who} read a session of {body['users']}, but there is one of {sorted(_users(mine))}"
    yield from _about_promises(account, mine)
    yield from _about_news(outcome, account, mine)


def _users(matches: Sequence[Row]) -> set[str]:
    return {row[seat] for row in matches for seat in ("user1_id", "user2_id")}


def _about_promises(account: Account, mine: Sequence[Row]) -> Iterator[str]:
    """What was acknowledged with 200 and is not true."""
    who = account.user_id
    seats = [("1" if row["user1_id"] == who else "2", row) for row in mine]
    if account.answered("confirm", 200, 202) and not any(row["confirmed" + seat] for seat, row in seats):
        yield f"{who} has confirmed, and it is not noted"
    if account.answered("leave", 200) and not any(row["left" + seat] for seat, row in seats):
        yield f"{who} has left, and it is not noted"


def _about_news(outcome: Outcome, account: Account, mine: Sequence[Row]) -> Iterator[str]:
    """What a person must have been told by a frame, whatever was answered."""
    who = account.user_id
    if any(row["status"] in OPENED for row in mine) and not account.session_id:
        yield f"{who} was not told of the session"
    if outcome.reason and mine and not account.ending:
        yield f"{who} was not told that the match is over"
    if account.of("match_expired") and account.ending["reason"] != outcome.reason:
        yield f"{who} was told that the match is over for {account.ending['reason']} instead of {outcome.reason}"


def _about_everyone(truth: Truth) -> Iterator[str]:
    """One live request and one live match for each, and both sides agree."""
    live = Counter(row["user_id"] for row in truth.requests if row["status"] in LIVE_REQUESTS)
    seats = [row for row in truth.matches if row["status"] in LIVE_MATCHES]
    matched = Counter(user_id for row in seats for user_id in (row["user1_id"], row["user2_id"]))
    for what, counter in (("requests", live), ("matches", matched)):
        yield from (f"{user_id} is in {number} live {what}" for user_id, number in counter.items() if number > 1)
    by_id = {row["id"]: row for row in truth.matches}
    for request in truth.requests:
        match = by_id.get(request["match_id"])
        status = {"confirmed": OPENED, "matched": LIVE_MATCHES}.get(request["status"])
        if status and (match is None or match["status"] not in status):
            yield f"request {request['id']} is {request['status']}, its match {match and match['status']}"


def _about_sessions(truth: Truth) -> Iterator[str]:
    """Every opened session can be found in Redis, as the tables have it."""
    for row in truth.matches:
        if row["status"] not in OPENED:
            continue
        kept = truth.hashes.get(row["session_id"]) or {}
        users, question = kept.get("users"), kept.get("question", {}).get("id")
        if (kept.get("match_id"), question) != (row["id"], row["question_id"]) or users != [
            row["user1_id"],
            row["user2_id"],
        ]:
            yield f"session {row['session_id']} is {dict(kept)} in Redis"


def _about_events(truth: Truth) -> Iterator[str]:
    """One event for each thing that happened, delivered at least once, and no other."""
    due = set(chain.from_iterable(map(_due, truth.matches)))
    yield from _compare("promised", truth.events, due)
    yield from _compare("delivered", set(truth.delivered), due)
    if strangers := set(truth.delivered) - truth.events.keys():
        yield f"delivered, and never promised: {sorted(strangers)}"


def _due(match: Row) -> Iterator[tuple[str, str, str]]:
    if match["status"] in OPENED:
        yield "match.found", match["session_id"], ""
    for seat in "12":
        if match["left" + seat]:
            yield "session.left", match["session_id"], match[f"user{seat}_id"]


def _compare(what: str, events: Iterable[Event], due: set[tuple[str, str, str]]) -> Iterator[str]:
    found = Counter((one.kind, one.session_id, one.user_id) for one in events)
    for event in due | found.keys():
        number, expected = found[event], int(event in due)
        if number != expected:
            yield f"{number} different events were {what} instead of {expected}: {' '.join(event).strip()}"


def _about_the_index(truth: Truth) -> Iterator[str]:
    """Whoever waits is in it."""
    for row in truth.requests:
        if row["status"] == "pending" and row["user_id"] not in truth.queue:
            yield f"{row['user_id']} waits, and is not in the index"
