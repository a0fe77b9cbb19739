"""SIGTERM: out of the balancer, sockets sent away, requests in flight answered, and gone."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.e2e.client import Crowd
from tests.e2e.conftest import Spawn
from tests.e2e.neighbours import QuestionService
from tests.e2e.scenes import meet, waiting
from tests.e2e.waiting import until

DRAIN_SECONDS = 3
RESTART = 1012


async def test_a_confirmation_in_flight_is_answered_and_sockets_are_told_to_reconnect(spawn: Spawn, topic: str) -> None:
    async with QuestionService() as questions:
        released = questions.holds()
        replica = await spawn(QUESTION_SERVICE_URL=questions.url, DRAIN_SECONDS=str(DRAIN_SECONDS))
        async with Crowd(replica) as crowd:
            alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
            match_id = await meet(alice, bob, topic)
            (await alice.confirm(match_id)).expect(200)
            in_flight = asyncio.create_task(bob.confirm(match_id))
            await until(lambda: questions.asked)
            began = time.monotonic()
            replica.send(signal.SIGTERM)
            await until(lambda: "stopping" in {line["action"] for line in replica.said()})
            status, ready = await replica.readiness()
            assert (status, ready["failing"]) == (503, ["draining"])
            assert await alice.tabs[0].closed() == RESTART
            assert await bob.tabs[0].closed() == RESTART
            released.set()
            assert (await in_flight).expect(200)["partner_id"] == alice.user_id
            assert await replica.ended() == 0
            assert time.monotonic() - began < DRAIN_SECONDS + 3


async def test_an_idle_replica_is_gone_at_once(spawn: Spawn, topic: str) -> None:
    replica = await spawn()
    async with Crowd(replica) as crowd:
        alice = await crowd.connected("alice")
        await waiting(alice, topic)
        began = time.monotonic()
        assert await replica.terminate() == 0
        assert time.monotonic() - began < 3
        assert await alice.tabs[0].closed() == RESTART
    assert [line["action"] for line in replica.said() if line["action"] in ("started", "stopping")] == [
        *("started", "stopping")
    ]


async def test_a_session_that_hangs_does_not_keep_the_replica_and_is_opened_by_the_next(
    spawn: Spawn, topic: str
) -> None:
    async with QuestionService() as questions:
        questions.holds()
        settings = {"QUESTION_SERVICE_URL": questions.url, "CONFIRM_ANSWER_SECONDS": "0.2", "DRAIN_SECONDS": "1"}
        replica = await spawn(**settings)
        async with Crowd(replica) as crowd:
            alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
            match_id = await meet(alice, bob, topic)
            (await alice.confirm(match_id)).expect(200)
            (await bob.confirm(match_id)).expect(202)
            began = time.monotonic()
            assert await replica.terminate() == 0
            assert time.monotonic() - began < 1 + 3
            questions.recovers()
            await replica.start()
            await alice.reload()

            async def is_ready() -> bool:
                return bool((await alice.match_status(match_id)).expect(200)["confirm_status"])

            await until(is_ready)
