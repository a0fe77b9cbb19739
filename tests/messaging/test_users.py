"""The User Service client against a stub on a real port."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import jwt
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from domain.errors import NeighbourUnavailable
from domain.ids import UserId
from messaging import users
from messaging.users import UserService
from tests.messaging.stubs import Clock, CountingMeter, Stub

ALICE = UserId("alice")


def token_for(seconds: float = 3600, *, sub: str = "alice") -> str:
    return jwt.encode({"sub": sub, "exp": time.time() + seconds}, "s" * 32, algorithm="HS256")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(stub: Stub, http: aiohttp.ClientSession, meter: CountingMeter, clock: Clock) -> UserService:
    return UserService(url=stub.url, session=http, meter=meter, clock=clock)


async def test_the_callers_own_token_is_shown_to_the_user_service(service: UserService, stub: Stub) -> None:
    token = token_for()
    stub.says('{"id": "alice"}')

    assert await service.is_valid(token, ALICE)

    (asked,) = stub.asked
    assert (asked.method, asked.path) == ("GET", "/users/me")
    assert asked.headers["Authorization"] == f"Bearer {token}"


@pytest.mark.parametrize(
    "body",
    [
        '{"id": "alice"}',
        '{"user_id": "alice"}',
        '{"sub": "alice", "id": 17}',
        '{"data": {"id": "alice"}}',
        '{"message": "ok", "user": {"user_id": "alice"}}',
    ],
)
async def test_the_user_is_found_wherever_it_is_named(service: UserService, stub: Stub, body: str) -> None:
    stub.says(body)

    assert await service.is_valid(token_for(), ALICE)


async def test_ids_may_be_numbers_there(service: UserService, stub: Stub) -> None:
    stub.says('{"id": 17}')

    assert await service.is_valid(token_for(sub="17"), UserId("17"))


async def test_a_token_of_somebody_else_is_not_valid(service: UserService, stub: Stub) -> None:
    stub.says('{"id": "mallory"}')

    assert not await service.is_valid(token_for(), ALICE)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refused_token_is_not_valid(service: UserService, stub: Stub, status: int) -> None:
    stub.says('{"id": "alice"}', status=status)

    assert not await service.is_valid(token_for(), ALICE)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ("{}", 500, "answered 500"),
        ("{}", 429, "answered 429"),
        ("{}", 422, "answered 422"),
        ("", 302, "answered 302"),
        ("{}", 200, "names no user"),
        ("[]", 200, "names no user"),
        ('{"id": null}', 200, "names no user"),
        ("not json", 200, "names no user"),
        ("x" * 70_000, 200, "more than 65536 bytes"),
    ],
)
async def test_an_answer_that_says_nothing_is_left_to_the_caller(
    service: UserService, stub: Stub, body: str, status: int, reason: str
) -> None:
    stub.says(body, status=status, headers={"Location": "http://169.254.169.254/"} if status == 302 else None)

    with pytest.raises(NeighbourUnavailable, match=reason):
        await service.is_valid(token_for(), ALICE)

    assert len(stub.asked) == 1


async def test_a_service_that_is_away_is_left_to_the_caller(http: aiohttp.ClientSession, meter: CountingMeter) -> None:
    service = UserService(url="http://127.0.0.1:9", session=http, meter=meter)

    with pytest.raises(NeighbourUnavailable, match="user_service"):
        await service.is_valid(token_for(), ALICE)

    assert meter.failed["user_service"] == 1


async def test_a_slow_service_is_given_up(service: UserService, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.neighbour.TRY_SECONDS", 0.1)

    async def say_nothing(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    stub.behaviour = say_nothing
    async with asyncio.timeout(1):
        with pytest.raises(NeighbourUnavailable, match="no answer"):
            await service.is_valid(token_for(), ALICE)


async def test_an_answer_is_kept_for_a_minute(service: UserService, stub: Stub, clock: Clock) -> None:
    stub.says('{"id": "alice"}')
    token = token_for()

    await service.is_valid(token, ALICE)
    clock.now += 59
    await service.is_valid(token, ALICE)
    assert not await service.is_valid(token, UserId("bob"))
    assert len(stub.asked) == 1

    clock.now += 2
    stub.says("{}", status=401)
    assert not await service.is_valid(token, ALICE)


@pytest.mark.parametrize("token", [token_for(10), "not a token"])
async def test_an_answer_is_not_kept_longer_than_the_token_lives(
    service: UserService, stub: Stub, clock: Clock, token: str
) -> None:
    stub.says('{"id": "alice"}')

    await service.is_valid(token, ALICE)
    clock.now += 11
    await service.is_valid(token, ALICE)

    assert len(stub.asked) == 2


async def test_after_a_failure_nothing_is_asked_for_a_second(service: UserService, stub: Stub, clock: Clock) -> None:
    stub.says("{}", status=503)
    for _ in range(5):
        with pytest.raises(NeighbourUnavailable):
            await service.is_valid(token_for(), ALICE)
    assert len(stub.asked) == 1

    clock.now += 1
    stub.says('{"id": "alice"}')
    assert await service.is_valid(token_for(), ALICE)


async def test_the_number_of_kept_answers_is_bounded(
    service: UserService, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "MOST_KEPT", 2)
    stub.says('{"id": "alice"}')
    tokens = [token_for(3600 + number) for number in range(3)]

    for token in [*tokens, tokens[2], tokens[0]]:
        await service.is_valid(token, ALICE)

    assert len(stub.asked) == 4


async def test_a_token_is_nowhere_to_be_seen(service: UserService, stub: Stub) -> None:
    token = token_for()
    stub.says("{}", status=500)

    with capture_logs() as logs, pytest.raises(NeighbourUnavailable) as raised:
        await service.is_valid(token, ALICE)

    assert token not in str(logs) + repr(raised.value) + repr(raised.value.__cause__)
    stub.says('{"id": "alice"}')
    assert token not in repr(vars(service))
