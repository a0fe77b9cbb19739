"""``kill -9`` in every state, and everything goes on after the restart."""

from __future__ import annotations

import json
import time

import asyncpg
import pytest

from tests.e2e.client import Client, Crowd
from tests.e2e.conftest import Spawn
from tests.e2e.consumer import Consumer
from tests.e2e.neighbours import QuestionService
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until

SOON_SECONDS = 4.0


async def _both(crowd: Crowd) -> tuple[Client, Client]:
    return await crowd.connected("alice"), await crowd.connected("bob")


async def test_whoever_waited_still_waits_and_is_paired(spawn: Spawn, topic: str) -> None:
    replica = await spawn()
    async with Crowd(replica) as crowd:
        alice, bob = await _both(crowd)
        request_id = await waiting(alice, topic)
        await replica.restart()
        state = await alice.reload()
        assert (state["request"]["id"], state["request"]["status"]) == (request_id, "pending")
        await bob.reload()
        began = time.monotonic()
        await waiting(bob, topic)
        assert (await alice.frame("match_found"))["partner_id"] == bob.user_id
        assert time.monotonic() - began < SOON_SECONDS


async def test_two_who_waited_while_nobody_could_pair_them_are_paired(
    spawn: Spawn, topic: str, database_url: str
) -> None:
    replica = await spawn()
    async with Crowd(replica) as crowd:
        alice, bob = crowd.user("alice"), crowd.user("bob")
        first = await waiting(alice, topic)
        sql = await asyncpg.connect(database_url)
        await sql.execute(  # as if killed between the commit and everything that follows
            """INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)
               SELECT gen_random_uuid(), $1, 'easy', $2, now() + interval '30 s'""",
            bob.user_id,
            topic,
        )
        await sql.close()
        await replica.restart()
        match_id = await alice.matched(first, seconds=SOON_SECONDS)
        (await bob.confirm(match_id)).expect(200)
        assert "session_id" in (await alice.confirm(match_id)).expect(200)


@pytest.mark.parametrize("confirmed", [0, 1])
async def test_a_match_that_waits_for_answers_still_does(spawn: Spawn, topic: str, confirmed: int) -> None:
    replica = await spawn()
    async with Crowd(replica) as crowd:
        alice, bob = await _both(crowd)
        match_id = await meet(alice, bob, topic)
        if confirmed:
            (await alice.confirm(match_id)).expect(200)
        await replica.restart()
        match = (await bob.reload())["match"]
        assert (match["match_id"], match["partner_confirmed"]) == (match_id, bool(confirmed))
        await alice.reload()
        if not confirmed:
            (await alice.confirm(match_id)).expect(200)
        session_id = (await bob.confirm(match_id)).expect(200)["session_id"]
        assert (await alice.frame("match_ready"))["session_id"] == session_id


async def test_a_deadline_that_passed_meanwhile_is_kept(spawn: Spawn, topic: str) -> None:
    replica = await spawn(CONFIRM_MATCH_TIMEOUT_SECONDS="0.5")
    async with Crowd(replica) as crowd:
        alice, bob = await _both(crowd)
        match_id = await meet(alice, bob, topic)
        (await alice.confirm(match_id)).expect(200)
        await replica.restart()
        await alice.reload()

        async def is_over() -> bool:
            return (await bob.match_status(match_id)).status == 404

        await until(is_over, seconds=SOON_SECONDS)

        async def waits_again() -> bool:
            return bool((await alice.reload())["request"]["status"] == "pending")

        await until(waits_again, seconds=SOON_SECONDS)
        assert (await bob.reload())["request"] is None


async def test_a_session_that_both_confirmed_is_opened_after_all(spawn: Spawn, topic: str) -> None:
    async with QuestionService() as questions:
        released = questions.holds()
        replica = await spawn(QUESTION_SERVICE_URL=questions.url, CONFIRM_ANSWER_SECONDS="0.2")
        async with Crowd(replica) as crowd:
            alice, bob = await _both(crowd)
            match_id = await meet(alice, bob, topic)
            (await alice.confirm(match_id)).expect(200)
            assert (await bob.confirm(match_id)).expect(202)["status"] == "preparing_session"
            fixed = (await bob.cancel((await bob.reload())["request"]["id"])).expect(409)["session_id"]
            await replica.kill()
            released.set()
            questions.recovers()
            await replica.start()
            await alice.reload()

            async def is_ready() -> bool:
                return bool((await bob.match_status(match_id)).expect(200)["confirm_status"])

            await until(is_ready, seconds=SOON_SECONDS)
            assert (await bob.active()).expect(200)["session_id"] == fixed
            assert (await alice.confirm(match_id)).expect(200)["session_id"] == fixed


@pytest.mark.rabbitmq
async def test_an_event_that_was_not_published_is_delivered_once_there_is_a_broker(
    spawn: Spawn, topic: str, database_url: str, amqp_url: str, consumer: Consumer
) -> None:
    replica = await spawn(RABBITMQ_URL="")
    status, ready = await replica.readiness()
    assert (status, ready["status"], ready["dependencies"]["rabbitmq"]) == (200, "degraded", "not configured")
    assert [line for line in replica.said() if line.get("action") == "no_broker"]
    async with Crowd(replica) as crowd:
        alice, bob = await _both(crowd)
        session_id = (await enter(alice, bob, topic))["session_id"]
        sql = await asyncpg.connect(database_url)
        promised = await sql.fetch("SELECT event_id, body FROM outbox WHERE published_at IS NULL")
        assert [json.loads(row["body"])["session_id"] for row in promised] == [session_id]
        await replica.restart(RABBITMQ_URL=amqp_url)
        message = await consumer.event("match.found", session_id=session_id)
        assert (message.message_id, message.body) == (str(promised[0]["event_id"]), promised[0]["body"])

        async def is_marked() -> bool:
            return not await sql.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")

        await until(is_marked)
        await sql.close()
