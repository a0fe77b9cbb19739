"""What two people do at the same instant, thousands of times."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from tests.e2e.client import Answer, Client, Crowd
from tests.e2e.conftest import Cluster
from tests.e2e.consumer import Consumer
from tests.e2e.scenes import waiting
from tests.e2e.waiting import until

CANCELLATIONS = 3000
FEWEST = 300
"""On a machine that is busy with something else."""

RACE_SECONDS = 20
AT_ONCE = 60
PAIRS = 300

FALLEN = """
SELECT count(*) FROM match_requests r LEFT JOIN matches m ON r.id IN (m.request1_id, m.request2_id)
     AND m.status IN ('confirmed', 'ready', 'closed', 'proposed')
WHERE r.id = ANY($1::uuid[]) AND (r.status <> 'cancelled' OR m.id IS NOT NULL)
"""

DOUBLE = """
SELECT user_id FROM match_requests WHERE status IN ('pending', 'matched') GROUP BY user_id HAVING count(*) > 1
UNION ALL
SELECT u FROM matches m, unnest(ARRAY[m.user1_id, m.user2_id]) u
WHERE m.status IN ('proposed', 'confirmed') GROUP BY u HAVING count(*) > 1
"""


DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
"""PostgreSQL resolves them, after a second in which others wait."""


@dataclass(slots=True)
class Ledger:
    """What was acknowledged."""

    cancelled: list[str] = field(default_factory=list)
    refused: list[tuple[str, Any]] = field(default_factory=list)

    def note(self, request_id: str, answer: Answer) -> None:
        if answer.status == 200:
            self.cancelled.append(request_id)
        else:
            self.refused.append((request_id, answer.expect(409)))


async def _change_mind(user: Client, topic: str, ledger: Ledger, chance: random.Random) -> None:
    """Ask, and cancel: at once, or while both confirm."""
    request_id: str = (await user.insist(lambda: user.find(topic))).body["id"]

    async def cancel() -> Answer:
        return await user.insist(lambda: user.cancel(request_id))

    if chance.random() < 0.5:
        ledger.note(request_id, await cancel())
        return
    match_id = (await user.insist(lambda: user.request_status(request_id))).expect(200).get("match_id")
    if match_id:
        _, answer = await asyncio.gather(user.confirm(match_id), cancel())
    else:
        answer = await cancel()
    ledger.note(request_id, answer)


async def test_after_a_200_on_cancel_there_is_never_a_session_and_otherwise_the_truth(
    crowd: Crowd, topic: str, sql: asyncpg.Connection
) -> None:
    chance, ledger, began = random.Random(7), Ledger(), time.monotonic()
    numbers = iter(range(CANCELLATIONS))

    async def one_after_the_other() -> None:
        for number in numbers:
            if time.monotonic() > began + RACE_SECONDS:
                return
            await _change_mind(crowd.user(), f"{topic} {number % 4}", ledger, chance)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    assert len(ledger.cancelled) + len(ledger.refused) > FEWEST
    assert ledger.refused, "some were too late"
    await until(lambda: _is_quiet(sql), what="no match is being opened")
    assert await sql.fetchval(FALLEN, ledger.cancelled) == 0
    for request_id, problem in ledger.refused:
        assert problem["code"] == "session_opened"
        truth = await sql.fetchrow(
            "SELECT m.session_id, m.status FROM match_requests r JOIN matches m ON m.id = r.match_id WHERE r.id = $1",
            request_id,
        )
        assert truth is not None
        assert (str(truth["session_id"]), truth["status"]) == (problem["session_id"], "ready")
    assert await sql.fetch(DOUBLE) == []
    assert await sql.fetchval(DEADLOCKS) == 0


async def _is_quiet(sql: asyncpg.Connection) -> bool:
    return not await sql.fetchval("SELECT count(*) FROM matches WHERE status = 'confirmed'")


@pytest.mark.rabbitmq
async def test_two_who_confirm_at_the_same_time_on_two_replicas_get_one_session_and_one_event(
    crowd: Crowd, cluster: Cluster, topic: str, sql: asyncpg.Connection, consumer: Consumer
) -> None:
    gate = asyncio.Semaphore(AT_ONCE // 2)

    async def pair(number: int) -> tuple[str, str]:
        async with gate:
            return await _confirm_at_once(crowd, cluster, f"{topic} {number % 100}")

    matches = dict(await asyncio.gather(*(pair(number) for number in range(PAIRS))))
    rows = await sql.fetch("SELECT id, session_id FROM matches WHERE id = ANY($1::uuid[])", list(matches))
    assert {str(row["id"]): str(row["session_id"]) for row in rows} == matches
    assert len(set(matches.values())) == PAIRS
    await until(lambda: len([m for m in matches if consumer.about("match.found", match_id=m)]) == PAIRS)
    counts = Counter(len({e.message_id for e in consumer.about("match.found", match_id=match)}) for match in matches)
    assert counts == {1: PAIRS}


async def _confirm_at_once(crowd: Crowd, cluster: Cluster, topic: str) -> tuple[str, str]:
    """Two of whoever waits there confirm at the same instant: their match and their session."""
    one, other = crowd.user(), crowd.user()
    mine = f"{topic} {one.user_id[5:]}"
    first, _ = await waiting(one, mine), await waiting(other, mine)
    match_id = await one.matched(first)
    answers = await asyncio.gather(
        one.confirm(match_id, at=cluster.one), other.confirm(match_id, at=cluster.other), one.confirm(match_id)
    )
    assert any("session_id" in answer.expect(200) for answer in answers)
    sessions = {(await user.confirm(match_id)).expect(200)["session_id"] for user in (one, other)}
    assert len(sessions) == 1
    assert {answer.body.get("session_id") for answer in answers} <= {*sessions, None}
    return match_id, sessions.pop()


async def test_yes_and_no_at_the_same_time_have_one_outcome_for_both(
    crowd: Crowd, topic: str, sql: asyncpg.Connection
) -> None:
    async def pair(number: int) -> bool:
        one, other, mine = crowd.user(), crowd.user(), f"{topic} {number}"
        first, _ = await waiting(one, mine), await waiting(other, mine)
        match_id = await one.matched(first)
        (await one.confirm(match_id)).expect(200)
        yes, no = await asyncio.gather(other.confirm(match_id), one.decline(match_id))
        assert (yes.status, no.status) in ((200, 409), (409, 200))
        state = await sql_status(match_id)
        assert state == ("ready" if yes.status == 200 else "declined")
        return yes.status == 200

    lock = asyncio.Lock()

    async def sql_status(match_id: str) -> str:
        async with lock:
            return str(await sql.fetchval("SELECT status FROM matches WHERE id = $1", match_id))

    outcomes = await asyncio.gather(*(pair(number) for number in range(100)))
    assert len(outcomes) == 100


async def test_everybody_is_paired_though_two_replicas_reach_for_the_same_people(
    crowd: Crowd, cluster: Cluster, topic: str, sql: asyncpg.Connection
) -> None:
    users = await asyncio.gather(
        *(crowd.connected("user", cluster.replicas[number % 2]) for number in range(200)),
    )
    answers = await asyncio.gather(*(user.find(topic) for user in users))
    assert {answer.status for answer in answers} == {201}
    found = await asyncio.gather(*(user.frame("match_found") for user in users))
    assert set(Counter(frame["match_id"] for frame in found).values()) == {2}
    partner = {user.user_id: frame["partner_id"] for user, frame in zip(users, found, strict=True)}
    assert all(partner[partner[user_id]] == user_id != partner[user_id] for user_id in partner)
    assert await sql.fetch(DOUBLE) == []
