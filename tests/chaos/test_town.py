"""What the town does by itself: replicas come back, every event is written down, and so is who is missing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest

from tests.chaos import leaks, watch
from tests.chaos.evidence import Absence, Delivery, Evidence, Exit, Notebook, Sample
from tests.chaos.tables import dump, left_to_do
from tests.chaos.town import Town
from tests.chaos.watch import Watch
from tests.chaos.witness import EXCHANGE, Witness
from tests.e2e.waiting import until

WAITING = """
INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)
VALUES (gen_random_uuid(), 'missing', 'easy', 'Alone', now() + interval '1 hour') RETURNING id::text
"""


@pytest.fixture
def exits(town: Town, monkeypatch: pytest.MonkeyPatch) -> list[Exit]:
    noted: list[Exit] = []
    monkeypatch.setattr(town.residents[0], "_note", noted.append)
    return noted


async def test_a_replica_that_ends_by_itself_is_noted_and_comes_back_at_the_same_address(
    town: Town, exits: list[Exit]
) -> None:
    resident = town.residents[0]
    url, pid = resident.url, resident.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: exits)
    await resident.until_ready()
    assert (exits[0].code, exits[0].asked_for) == (-signal.SIGKILL, False)
    assert resident.url == url
    assert resident.pid not in (pid, None)


async def test_a_replica_that_is_asked_to_stop_stays_away_until_it_is_wanted(town: Town, exits: list[Exit]) -> None:
    resident = town.residents[0]
    await resident.terminate()
    assert [(one.code, one.asked_for) for one in exits] == [(0, True)]
    assert resident.pid is None
    await resident.start()


@pytest.fixture
async def witness(town: Town, tmp_path: Path) -> AsyncIterator[Witness]:
    """Another one, which refuses nearly half of what it gets."""
    witness = Witness(town.servers.urls.rabbitmq_url or "", Notebook(tmp_path), seed=1, queue="other", refusals=0.4)
    await witness.open()
    await until(lambda: witness.is_listening)
    yield witness
    await witness.close()


async def publish(town: Town, ids: list[str]) -> None:
    async with await aio_pika.connect(town.servers.urls.rabbitmq_url, timeout=5) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EXCHANGE)
        for one in ids:
            await exchange.publish(aio_pika.Message(b"{}", message_id=one, delivery_mode=2), "match.found")


async def test_every_event_is_written_down_though_some_are_given_back_first(
    town: Town, witness: Witness, tmp_path: Path
) -> None:
    ids = [str(number) for number in range(50)]
    await publish(town, ids[:25])
    witness.begin_again()
    await until(lambda: witness.is_listening)
    await publish(town, ids[25:])
    await until(lambda: witness.deliveries >= 50)
    await until(witness.is_done)
    await witness.close()
    deliveries = read(tmp_path).deliveries
    assert {one.event_id for one in deliveries} == set(ids)
    assert {one.redelivered for one in deliveries} == {True, False}
    assert isinstance(deliveries[0], Delivery)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(watch, "LONGEST_ABSENCE_SECONDS", 0.3)


async def test_who_is_missing_from_the_index_is_noted_unless_somebody_breaks_a_store(
    town: Town, tmp_path: Path, hasty: None
) -> None:
    async with town.database() as connection:
        request_id = await connection.fetchval(WAITING)
        looking = Watch(town, Notebook(tmp_path))
        town.touched["redis"] += 1
        await looking.look()
        assert not looking.missing
        town.touched["redis"] -= 1

        async def is_long_missing() -> bool:
            await looking.look()
            since, last = looking.missing[request_id]
            return last - since > 0.4

        await until(is_long_missing)
        await connection.execute("DELETE FROM match_requests WHERE id = $1::uuid", request_id)
        await looking.look()
    looking.close()
    [absence] = read(tmp_path).absences
    assert isinstance(absence, Absence)
    assert absence.request_id == request_id


async def test_every_replica_is_sampled(town: Town, tmp_path: Path, hasty: None) -> None:
    looking = asyncio.create_task(Watch(town, Notebook(tmp_path)).look_for_ever())
    await asyncio.wait({looking}, timeout=0.5)
    looking.cancel()
    await asyncio.wait({looking})
    sample: Sample = read(tmp_path).samples[0]
    assert sample.pid == town.residents[0].pid
    assert sample.rss_bytes > 2**20
    assert sample.descriptors > 3
    assert sample.mailbox_depth >= 0
    assert sample.sockets == 0


async def test_every_change_of_a_status_is_in_the_audit(town: Town, tmp_path: Path) -> None:
    async with town.database() as connection, town.index() as index:
        request_id = await connection.fetchval(WAITING)
        assert await left_to_do(connection) == {"requests": 1}
        await connection.execute(
            "UPDATE match_requests SET status = 'cancelled', ended_at = now() WHERE id = $1::uuid", request_id
        )
        assert await left_to_do(connection) == {}
        await index.hset("session:one", mapping={"users": '["a", "b"]', "question": "{", "code": "\udcff"})
        await dump(tmp_path, connection, index)
        await index.delete("session:one")
        await connection.execute("DELETE FROM match_requests WHERE id = $1::uuid", request_id)
    tables = read(tmp_path).tables
    changes = [(row["old"], row["new"]) for row in tables["audit"] if row["id"] == request_id]
    assert changes == [(None, "pending"), ("pending", "cancelled")]
    [request] = [row for row in tables["match_requests"] if row["id"] == request_id]
    assert request["expires_at"] - request["created_at"] == pytest.approx(3600, abs=1)
    [session] = tables["sessions"]
    assert session == {"session_id": "one", "users": ["a", "b"], "question": "{", "code": "\udcff"}


def test_a_secret_in_a_log_is_counted(tmp_path: Path) -> None:
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "replica.log").write_bytes(b'{"url": "postgres://me:hunter2@here"}\n')
    secrets = {"database_password": ["hunter2"], "signing_secret": ["never said"]}
    assert leaks.count(tmp_path, secrets) == {"database_password": 1, "signing_secret": 0}


def read(folder: Path) -> Evidence:
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "run.json").write_text("{}")
    return Evidence.read(folder)
