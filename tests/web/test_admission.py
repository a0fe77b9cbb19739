"""Who is served while there is more to do than can be done."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from domain.errors import Unavailable
from tests.web.builders import MATCH_ID, REQUEST_ID
from tests.web.conftest import Edge
from tests.web.fakes import until
from web.admission import MOST_RETRY_SECONDS, Turnstile
from web.errors import Overloaded

WISH = {"difficulty": "easy", "topic": "Array"}


async def test_newcomers_are_refused_while_the_event_loop_is_late(edge: Edge) -> None:
    edge.lag = 1.5
    answer = await edge.post("/request", WISH)
    assert (answer.status, answer.code) == (503, "overloaded")
    assert answer.headers["Retry-After"] == "1"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await edge.connect()
    assert refusal.value.status == 503
    assert edge.meter.refused == {"request": 1, "handshake": 1}


async def test_whoever_is_in_already_is_served_all_the_same(edge: Edge) -> None:
    edge.lag = 1.5
    assert (await edge.post("/confirm", {"match_id": MATCH_ID, "confirmed": True})).status == 200
    assert (await edge.call("DELETE", f"/request/{REQUEST_ID}")).status == 200
    assert (await edge.get(f"/requests/{REQUEST_ID}/status")).status != 503
    assert (await edge.get("//health")).status == 200
    assert not edge.meter.refused


async def test_a_loop_that_is_in_time_again_lets_everybody_in(edge: Edge) -> None:
    edge.lag = 1.5
    await edge.post("/request", WISH)
    edge.lag = 0.2
    assert (await edge.post("/request", WISH)).status == 201


async def test_newcomers_are_refused_while_too_many_requests_are_answered(edge: Edge) -> None:
    edge.set(max_requests_in_flight=2)
    await edge.open()
    edge.matchmaker.gate = asyncio.Event()
    waiting = [asyncio.create_task(edge.post("/request", WISH, user=f"user-{number}")) for number in range(2)]
    await until(lambda: len(edge.matchmaker.asked) == 2)
    assert (await edge.post("/request", WISH, user="late")).status == 503
    assert (await edge.get(f"/requests/{REQUEST_ID}/status")).status != 503
    edge.matchmaker.gate.set()
    assert [answer.status for answer in await asyncio.gather(*waiting)] == [201, 201]
    assert (await edge.post("/request", WISH, user="again")).status == 201


async def test_open_sockets_are_no_requests_in_flight(edge: Edge) -> None:
    edge.set(max_requests_in_flight=2)
    sockets = [await edge.greeted(f"user-{number}") for number in range(5)]
    assert (await edge.post("/request", WISH)).status == 201
    for socket in sockets:
        await socket.close()


async def test_a_request_that_fails_is_in_flight_no_more(edge: Edge) -> None:
    edge.set(max_requests_in_flight=1)
    for _ in range(3):
        edge.matchmaker.found = Unavailable()
        assert (await edge.post("/request", WISH)).code == "unavailable"


async def test_sockets_that_open_too_fast_are_told_when_to_come_back(edge: Edge) -> None:
    edge.set(max_handshakes_per_second=2)
    sockets = [await edge.greeted() for _ in range(2)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await edge.connect()
    assert refusal.value.status == 503
    assert refusal.value.headers is not None
    assert int(refusal.value.headers["Retry-After"]) >= 1
    for socket in sockets:
        await socket.close()


def test_a_storm_is_spread_over_as_many_seconds_as_it_needs() -> None:
    turnstile, through, pauses = Turnstile(100, clock=lambda: 1000.0), 0, []
    for _ in range(600):
        try:
            turnstile.pass_through()
        except Overloaded as error:
            pauses.append(int(error.headers["Retry-After"]))
        else:
            through += 1
    assert through == 100
    assert set(pauses) <= set(range(1, 7))
    assert len(set(pauses)) > 3


def test_nobody_waits_longer_than_ten_seconds() -> None:
    turnstile = Turnstile(1, clock=lambda: 1000.0)
    turnstile.pass_through()
    for _ in range(1000):
        with pytest.raises(Overloaded) as refusal:
            turnstile.pass_through()
        assert int(refusal.value.headers["Retry-After"]) <= MOST_RETRY_SECONDS


def test_every_second_lets_others_through() -> None:
    now = 1000.0
    turnstile = Turnstile(1, clock=lambda: now)
    for _ in range(3):
        turnstile.pass_through()
        with pytest.raises(Overloaded):
            turnstile.pass_through()
        now += 1
