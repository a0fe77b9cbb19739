from __future__ import annotations

import asyncio
import json
from time import monotonic

import pytest

from tests.chaos.evidence import Outcome
from tests.chaos.people import caller
from tests.chaos.people.conftest import Build, Play, answer, caller_in, evidence_of
from tests.e2e.waiting import until


async def test_every_try_is_written_down_until_one_is_answered(puppet: Play, street: Build) -> None:
    away = await puppet()
    busy = await puppet(answer(503, '{"code": "unavailable"}', "Retry-After: 1"))
    well = await puppet(answer(201, '{"id": "r1", "status": "pending"}'))
    place = street(away.url, busy.url, well.url)
    alice = caller_in(place)
    alice.patience = monotonic() + 10
    busy.lines *= 5
    got = await alice.call("request", difficulty="easy", topic="Array")
    assert (got.outcome, got.status, got.body["id"]) == (Outcome.OK, 201, "r1")
    tries = evidence_of(place).operations
    assert [one.outcome for one in tries][-1] is Outcome.OK
    assert all(one.outcome is Outcome.UNKNOWN for one in tries[:-1])
    assert {(one.user_id, one.name) for one in tries} == {("alice", "request")}
    assert all(one.sent == {"difficulty": "easy", "topic": "Array"} for one in tries)
    assert all(one.invoked <= one.ended for one in tries)
    assert tries[-1].got == {"id": "r1", "status": "pending"}


async def test_a_call_that_is_cut_is_unknown(puppet: Play, street: Build) -> None:
    replica = await puppet(b"")
    place = street(replica.url)
    assert (await caller_in(place).call("cancel", request_id="r1")).outcome is Outcome.UNKNOWN
    (only,) = evidence_of(place).operations
    assert (only.outcome, only.status, only.got, only.sent) == (Outcome.UNKNOWN, 0, {}, {"request_id": "r1"})


async def test_a_call_that_ends_with_its_caller_is_unknown(puppet: Play, street: Build) -> None:
    replica = await puppet(answer(200))
    replica.held, place = asyncio.Event(), street(replica.url)
    calling = asyncio.create_task(caller_in(place).call("active"))
    await until(lambda: replica.heard)
    calling.cancel()
    await asyncio.wait((calling,))
    assert [one.outcome for one in evidence_of(place).operations] == [Outcome.UNKNOWN]


async def test_a_silent_replica_makes_a_call_unknown(
    puppet: Play, street: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "ANSWER_SECONDS", 0.05)
    replica = await puppet(answer(200))
    replica.held, place = asyncio.Event(), street(replica.url)
    assert (await caller_in(place).call("active")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(200, '{"status": "left"}'), Outcome.OK),
        (answer(202, '{"status": "preparing_session"}'), Outcome.OK),
        (answer(200, "[]"), Outcome.UNKNOWN),
        (answer(200, "no JSON"), Outcome.UNKNOWN),
        (answer(302, "{}"), Outcome.UNKNOWN),
        (answer(404, '{"code": "session_not_found"}'), Outcome.FAIL),
        (answer(401, "no JSON"), Outcome.FAIL),
        (answer(500, "{}"), Outcome.UNKNOWN),
        (answer(503, "{}"), Outcome.UNKNOWN),
    ],
)
async def test_the_status_decides_what_is_known(puppet: Play, street: Build, said: bytes, outcome: Outcome) -> None:
    replica = await puppet(said)
    assert (await caller_in(street(replica.url)).call("leave", session_id="s1")).outcome is outcome
    assert len(replica.heard) == 1


async def test_a_refusal_is_not_tried_again(puppet: Play, street: Build) -> None:
    replica = await puppet(*[answer(404)] * 3)
    alice = caller_in(street(replica.url))
    alice.patience = monotonic() + 10
    await alice.call("status", request_id="r1")
    assert len(replica.heard) == 1


async def test_a_call_goes_out_as_the_contract_says(puppet: Play, street: Build) -> None:
    replica = await puppet(answer(404), answer(404))
    place = street(replica.url)
    alice = caller_in(place)
    await alice.call("decline", match_id="m1", confirmed=False, stranger=True)
    await alice.call("match_status", match_id="m1")
    declined, looked = replica.heard
    head, _, body = declined.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/matching/confirm HTTP/1.1\r\n")
    assert f"Authorization: Bearer {alice.token}".encode() in head
    assert json.loads(body) == {"match_id": "m1", "confirmed": False}
    assert looked.startswith(b"GET /api/v1/matching/m1/status HTTP/1.1\r\n")
    assert [one.sent for one in evidence_of(place).operations] == [
        {"match_id": "m1", "confirmed": False, "stranger": True},
        {"match_id": "m1"},
    ]


async def test_output_with_a_token_in_it_is_counted(puppet: Play, street: Build) -> None:
    place = street()
    alice = caller_in(place)
    replica = await puppet(
        answer(404), answer(404, "{}", f"X-Odd: {alice.token}"), answer(200, json.dumps(alice.token))
    )
    place.door = alice._door = street(replica.url).door
    for leaks in (0, 1, 2):
        await alice.call("active")
        assert place.ledger.tally.leaks == leaks
    assert (place.ledger.tally.fail, place.ledger.tally.unknown) == (2, 1)
