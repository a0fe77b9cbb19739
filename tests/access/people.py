"""Requests, matches and sessions in every state there is, of people who are not eve."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from tests.e2e.client import Client, Crowd
from tests.e2e.neighbours import QuestionService
from tests.e2e.scenes import meet, waiting

HASTY: Mapping[str, str] = {
    "MATCHING_TIMEOUT_SECONDS": "1.5",
    "CONFIRM_MATCH_TIMEOUT_SECONDS": "1.5",
    "SESSION_BUDGET_SECONDS": "0.05",
    "CONFIRM_ANSWER_SECONDS": "0.05",
}
"""Settings with which things end by themselves."""

PATIENT: Mapping[str, str] = {
    "MATCHING_TIMEOUT_SECONDS": "3600",
    "CONFIRM_MATCH_TIMEOUT_SECONDS": "3600",
    "SESSION_BUDGET_SECONDS": "3600",
    "CONFIRM_ANSWER_SECONDS": "0.05",
}
"""Settings with which nothing ends while a test runs."""


@dataclass(slots=True)
class Things:
    """What exists: ids by kind, and by the state that what they name is in."""

    ids: dict[str, dict[str, str]] = field(default_factory=lambda: {"request_id": {}, "match_id": {}, "session_id": {}})
    readable: set[str] = field(default_factory=set)
    """Sessions that can be read."""
    left: tuple[Client, str] | None = None
    """Somebody who left, and which session."""

    def add(self, kind: str, state: str, one: str) -> None:
        self.ids[kind][state] = one

    @property
    def all(self) -> dict[str, str]:
        """Every id, by its kind and state."""
        return {f"{kind} {state}": one for kind, states in self.ids.items() for state, one in states.items()}


async def what_ends_by_itself(crowd: Crowd, questions: QuestionService, topic: str, things: Things) -> None:
    """A request that timed out, a match that expired, one that failed."""
    questions.says("[]")
    await asyncio.gather(
        _timed_out(crowd, f"{topic} alone", things),
        _expired(crowd, f"{topic} silent", things),
        _failed(crowd, f"{topic} failing", things),
    )
    questions.recovers()


async def _timed_out(crowd: Crowd, topic: str, things: Things) -> None:
    alice = await crowd.connected()
    things.add("request_id", "timeout", await waiting(alice, topic))
    await alice.frame("request_timeout")


async def _expired(crowd: Crowd, topic: str, things: Things) -> None:
    alice, bob = await crowd.connected(), await crowd.connected()
    things.add("match_id", "expired", await meet(alice, bob, topic))
    await alice.frame("match_expired")


async def _failed(crowd: Crowd, topic: str, things: Things) -> None:
    alice, bob = await crowd.connected(), await crowd.connected()
    match_id = await meet(alice, bob, topic)
    await asyncio.gather(alice.confirm(match_id), bob.confirm(match_id))
    assert (await alice.frame("match_expired"))["reason"] == "session_unavailable"
    things.add("match_id", "failed", match_id)


async def what_lasts(crowd: Crowd, questions: QuestionService, topic: str, things: Things) -> None:
    """Everything else."""
    await _searches(crowd, topic, things)
    await _proposals(crowd, topic, things)
    for state, leavers in (("ready", 0), ("left by one", 1), ("closed", 2)):
        await _session(crowd, f"{topic} {state}", state, leavers, things)
    await _confirmed(crowd, questions, f"{topic} confirmed", things)


async def _searches(crowd: Crowd, topic: str, things: Things) -> None:
    alice, bob = crowd.user(), crowd.user()
    things.add("request_id", "pending", await waiting(alice, f"{topic} pending"))
    cancelled = await waiting(bob, f"{topic} cancelled")
    (await bob.cancel(cancelled)).expect(200)
    things.add("request_id", "cancelled", cancelled)


async def _proposals(crowd: Crowd, topic: str, things: Things) -> None:
    for state in ("proposed", "proposed with a yes", "declined"):
        alice, bob = await crowd.connected(), await crowd.connected()
        match_id = await meet(alice, bob, f"{topic} {state}")
        things.add("match_id", state, match_id)
        if state == "proposed with a yes":
            (await alice.confirm(match_id)).expect(200)
            things.add("request_id", "matched", (await bob.reload())["request"]["id"])
        elif state == "declined":
            (await alice.decline(match_id)).expect(200)


async def _session(crowd: Crowd, topic: str, state: str, leavers: int, things: Things) -> None:
    alice, bob = await crowd.connected(), await crowd.connected()
    match_id = await meet(alice, bob, topic)
    request_id = (await alice.find(topic)).expect(409)["request_id"]
    await asyncio.gather(alice.confirm(match_id), bob.confirm(match_id))
    session_id = (await alice.frame("match_ready"))["session_id"]
    for user in (alice, bob)[:leavers]:
        (await user.leave(session_id)).expect(200)
    if leavers == 1:
        things.left = alice, session_id
    things.add("request_id", f"of a match {state}", request_id)
    things.add("match_id", state, match_id)
    things.add("session_id", state, session_id)
    things.readable.add(session_id)


async def _confirmed(crowd: Crowd, questions: QuestionService, topic: str, things: Things) -> None:
    questions.holds()
    alice, bob = await crowd.connected(), await crowd.connected()
    match_id = await meet(alice, bob, topic)
    (await alice.confirm(match_id)).expect(200)
    (await bob.confirm(match_id)).expect(202)
    things.add("match_id", "confirmed", match_id)


async def the_ids_of_sessions_to_be(sql: asyncpg.Connection, things: Things) -> None:
    """A session's id is decided with the first yes, and told to nobody before the session can be read."""
    for state in ("proposed with a yes", "confirmed", "failed"):
        session_id = await sql.fetchval("SELECT session_id FROM matches WHERE id = $1", things.ids["match_id"][state])
        things.add("session_id", f"of a match {state}", str(session_id))
