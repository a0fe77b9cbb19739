"""The crowd before real replicas: what it does, and what it writes down."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.crowd import WorkerLost, gathered
from tests.chaos.evidence import Evidence, Outcome
from tests.chaos.people.caller import ROUTES
from tests.chaos.people.ledger import WRITES, Tally
from tests.chaos.people.shift import Shift
from tests.chaos.plan import PROJECT, ChaosPlan
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running
from tests.e2e.waiting import until

pytestmark = pytest.mark.e2e

PLAN = ChaosPlan(
    seed=3, seconds=2.0, rate=50, replicas=2, search_seconds=2.5, confirm_seconds=2.5, session_budget_seconds=5
)


@pytest.fixture
async def replicas(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[Replica, ...]]:
    async with QuestionService() as questions:
        environment = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "QUESTION_SERVICE_URL": questions.url,
            "MATCHING_TIMEOUT_SECONDS": str(PLAN.search_seconds),
            "CONFIRM_MATCH_TIMEOUT_SECONDS": str(PLAN.confirm_seconds),
        }
        async with running(*(Replica(tmp_path, **environment) for _ in range(PLAN.replicas))) as started:
            yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "run.json").write_text("{}")
    return tmp_path / "evidence"


async def test_users_of_all_kinds_live_and_all_they_were_told_is_written_down(
    replicas: tuple[Replica, ...], folder: Path
) -> None:
    told: list[dict[str, Any]] = []
    async with gathered(PLAN, [one.url for one in replicas], folder, workers=2) as crowd:
        tally = await crowd.play(told.append)
    evidence = Evidence.read(folder)
    _says_the_same(tally, evidence)
    assert told[-1] == tally.as_json()
    assert tally.arrived == tally.home == len({one.user_id for one in evidence.operations}) > 70
    assert (tally.turned_away, tally.leaks) == (0, 0)
    assert tally.ok_writes * 3 >= tally.ok
    assert tally.sessions > 10
    assert {one.name for one in evidence.operations} == ROUTES.keys()
    assert {one.replica for one in evidence.operations} == {0, 1}
    _strangers_met_nobody(evidence)
    _sockets_lived(evidence)


def _says_the_same(tally: Tally, evidence: Evidence) -> None:
    outcomes = Counter(one.outcome for one in evidence.operations)
    assert [outcomes[one] for one in Outcome] == [tally.ok, tally.fail, tally.unknown]
    writes = [one for one in evidence.operations if one.name in WRITES and one.outcome is Outcome.OK]
    assert (len(writes), len(evidence.frames)) == (tally.ok_writes, tally.frames)


def _strangers_met_nobody(evidence: Evidence) -> None:
    tried = [one for one in evidence.operations if one.sent.get("stranger") and one.outcome is not Outcome.UNKNOWN]
    assert len(tried) > 5
    assert {one.status for one in tried} == {404}


def _sockets_lived(evidence: Evidence) -> None:
    lives = {one.socket: one for one in evidence.sockets}
    assert len(lives) == len(evidence.sockets)
    first: dict[int, str] = {}
    for frame in evidence.frames:
        first.setdefault(frame.socket, frame.body["type"])
        life = lives[frame.socket]
        assert frame.user_id == life.user_id
        assert life.opened <= frame.at <= life.closed
    assert set(first.values()) == {"state"}
    assert first.keys() == lives.keys()
    per_user = Counter(one.user_id for one in evidence.sockets)
    assert max(per_user.values()) >= 2  # tabs, and changes of the replica
    assert len(per_user) < len({one.user_id for one in evidence.operations})  # and some only poll


async def test_users_go_to_another_replica_when_theirs_dies(replicas: tuple[Replica, ...], folder: Path) -> None:
    one, _ = replicas
    seen: list[dict[str, Any]] = []
    async with gathered(PLAN, [replica.url for replica in replicas], folder) as crowd:
        playing = asyncio.create_task(crowd.play(seen.append))
        await until(lambda: seen and seen[-1]["ok"] > 50)
        await one.kill()
        tally = await playing
    evidence = Evidence.read(folder)
    assert tally.unknown == sum(one.outcome is Outcome.UNKNOWN for one in evidence.operations) > 0
    assert tally.home == tally.arrived
    lost = [life for life in evidence.sockets if life.code == 1006]
    assert {life.replica for life in lost} == {0}
    back = {life.user_id for life in evidence.sockets if life.replica == 1 and life.opened > lost[0].closed}
    assert back & {life.user_id for life in lost}


async def test_a_worker_ends_when_its_stdin_does_and_leaves_whole_evidence(
    replicas: tuple[Replica, ...], folder: Path
) -> None:
    command = (sys.executable, "-m", "tests.chaos.worker")
    worker = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, stdin=PIPE, stdout=PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    plan = ChaosPlan(seconds=600, rate=100)
    (shift,) = Shift.deal(plan, [one.url for one in replicas], str(folder), most=20, of=1)
    worker.stdin.write(shift.line())
    await until(lambda: any(path.stat().st_size for path in folder.glob("operations-*.jsonl")))
    worker.stdin.close()
    said = await worker.stdout.read()
    assert (await worker.wait(), b"tally" in said) == (0, False)
    evidence = Evidence.read(folder)
    assert {one.code for one in evidence.sockets} == {1000}
    assert len({one.user_id for one in evidence.operations}) >= 5
    assert len({one.user_id for one in evidence.operations}) < 100  # no more than the cap at once


async def test_a_worker_that_ends_by_itself_is_missed(folder: Path) -> None:
    async with gathered(ChaosPlan(seconds=60, rate=1), ["http://127.0.0.1:9"], folder) as crowd:
        playing = asyncio.create_task(crowd.play(lambda _: None))
        crowd.workers[0].kill()
        with pytest.raises(WorkerLost):
            await playing
