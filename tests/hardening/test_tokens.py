"""A1 to A32: who may call, at every endpoint and at the socket."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.client import BASE, Crowd
from tests.e2e.conftest import Spawn
from tests.e2e.replica import Replica
from tests.e2e.tokens import token_for
from tests.hardening.forgery import BAD_HEADERS, BAD_TOKENS, GOOD, GOOD_TOKENS, HEADER, NOW, claiming, forged
from tests.hardening.test_connections import resident_mib
from tests.hardening.wire import ENDPOINTS, Answer, ask, expect_problem, head, wire

MANY = 10_000
LINES = 8


def bearing(method: str, path: str, authorization: str | None) -> bytes:
    """A call with nothing to read in it."""
    lines = [] if authorization is None else [f"Authorization: {authorization}"]
    return head(method, path, *lines, user=None)


def expect_unauthorized(answer: Answer, *secrets: str) -> None:
    expect_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="matching"')
    assert not any(secret in str(answer) for secret in secrets if secret)


async def everywhere(target: Replica, authorization: str | None) -> list[Answer]:
    async with wire(target) as line:
        answers = []
        for method, path in ENDPOINTS:
            await line.send(bearing(method, path, authorization))
            answers.append(await line.answer())
        return answers


@pytest.mark.parametrize("name", ["A1"])
async def test_without_a_token_there_is_a_challenge(target: Replica, people: Crowd, name: str) -> None:
    for answer in await everywhere(target, None):
        expect_unauthorized(answer)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="matching"'
    assert await (await people.user().connect(params={})).closed() == 4401


@pytest.mark.parametrize("name", BAD_HEADERS)
async def test_what_is_no_bearer_token_is_401(target: Replica, people: Crowd, name: str) -> None:
    for answer in await everywhere(target, BAD_HEADERS[name]):
        expect_unauthorized(answer, GOOD)
    tab = await people.user().connect(params={}, headers={"Authorization": BAD_HEADERS[name]})
    assert await tab.closed() == 4401


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_401_and_closes_a_socket(target: Replica, people: Crowd, name: str) -> None:
    for answer in await everywhere(target, f"Bearer {BAD_TOKENS[name]}"):
        expect_unauthorized(answer, BAD_TOKENS[name])
    assert await (await people.user().connect(params={"token": BAD_TOKENS[name]})).closed() == 4401


@pytest.mark.parametrize("name", GOOD_TOKENS)
async def test_a_good_token_is_let_in(target: Replica, people: Crowd, name: str) -> None:
    for answer in await everywhere(target, f"Bearer {GOOD_TOKENS[name]}"):
        assert answer.status != 401
    tab = await people.user().connect(params={"token": GOOD_TOKENS[name]})
    assert (await tab.frame("state"))["session"] is None


async def test_a15_a_token_counts_for_ten_seconds_more(target: Replica) -> None:
    just_over = claiming(exp=int(time.time()) - 1)
    expect_problem(await ask(target, bearing("GET", f"{BASE}/sessions/active", f"Bearer {just_over}")), 404)


@pytest.mark.parametrize("scheme", [pytest.param(text, id=f"A4 {text}") for text in ("bearer", "BEARER", "bEaReR")])
async def test_the_scheme_is_spelled_in_any_case(target: Replica, scheme: str) -> None:
    answer = await ask(target, bearing("GET", f"{BASE}/sessions/active", f"{scheme} {GOOD}"))
    expect_problem(answer, 404, "session_not_found")


async def test_a23_issuer_and_audience_count_where_they_are_set(spawn_hard: Spawn) -> None:
    replica = await spawn_hard(AUTH_ISSUER="users", AUTH_AUDIENCE="matching")
    for given, status in (
        ({"iss": "users", "aud": "matching"}, 404),
        ({"iss": "users", "aud": ["others", "matching"]}, 404),
        ({"iss": "others", "aud": "matching"}, 401),
        ({"iss": "users", "aud": "others"}, 401),
        ({"iss": "users", "aud": []}, 401),
        ({"iss": ["users"], "aud": "matching"}, 401),
        ({"aud": "matching"}, 401),
        ({"iss": "users"}, 401),
    ):
        answer = await ask(replica, bearing("GET", f"{BASE}/sessions/active", f"Bearer {claiming(**given)}"))
        expect_problem(answer, status)


async def test_a29_of_two_claims_of_one_name_the_last_counts_everywhere(target: Replica, people: Crowd) -> None:
    payload = f'{{"sub": "first-of-two", "exp": 1, "sub": "last-of-two", "exp": {NOW + 3600}}}'.encode()
    user = people.user()
    user.token = forged(HEADER, payload)
    request = (await user.find("Two names")).expect(201)
    assert request["user_id"] == "last-of-two"
    await user.connect()
    assert (await user.frame("state"))["request"]["id"] == request["id"]
    (await people.user().request_status(request["id"])).expect(404)
    user.token = token_for("first-of-two")
    (await user.request_status(request["id"])).expect(404)


async def test_a32_ten_thousand_bad_tokens_cost_no_memory_and_nobody_his_place(target: Replica) -> None:
    """Each is different, so that nothing remembered helps."""
    assert [answer.status for answer in await everywhere(target, f"Bearer {GOOD}")].count(401) == 0
    before = resident_mib(target)

    async def flood(number: int) -> None:
        async with wire(target) as line:
            tokens = (f"{GOOD[:-12]}{number:02}{turn:05}{GOOD[-5:]}" for turn in range(MANY // LINES))
            sent = b"".join(bearing("GET", f"{BASE}/sessions/active", f"Bearer {token}") for token in tokens)
            sending = asyncio.create_task(line.send(sent))
            for _ in range(MANY // LINES):
                assert (await line.answer()).status == 401
            await sending

    async def stays(until: asyncio.Future[list[None]]) -> None:
        while not until.done():
            answer = await ask(target, bearing("GET", f"{BASE}/sessions/active", f"Bearer {GOOD}"))
            expect_problem(answer, 404, "session_not_found")

    flooding = asyncio.gather(*map(flood, range(LINES)))
    await stays(flooding)
    await flooding
    assert resident_mib(target) - before < 8


async def test_a32_t34_an_address_with_too_many_bad_tokens_is_429_and_good_ones_get_in(strict: Replica) -> None:
    for number, status in enumerate((401, 401, 401, 429, 429)):
        lines = [f"X-Forwarded-For: 203.0.113.{number}", f"Forwarded: for=203.0.113.{number}"]
        sent = head("GET", f"{BASE}/sessions/active", "Authorization: Bearer x", *lines, user=None)
        expect_problem(await ask(strict, sent), status, "unauthorized", "rate_limited")
    for token in (GOOD, token_for("somebody-new-here")):
        expect_problem(await ask(strict, bearing("GET", f"{BASE}/sessions/active", f"Bearer {token}")), 404)


LETTING_STRANGERS_IN = [
    {"AUTH_ACCESS_SECRET": "secretkey"},
    {"AUTH_ACCESS_SECRET": "x" * 31},
    {"AUTH_ALGORITHM": "none"},
    {"AUTH_ALGORITHM": "RS256"},
]


async def refused_start(folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    replica = Replica(folder, **environment)
    try:
        await replica.launch()
        return await replica.ended(), replica.log.read_text()
    finally:
        await replica.close()


async def test_a9_a10_a14_what_would_let_strangers_in_stops_the_start(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    tries = (refused_start(tmp_path, surroundings | settings) for settings in LETTING_STRANGERS_IN)
    for settings, (code, said) in zip(LETTING_STRANGERS_IN, await asyncio.gather(*tries), strict=True):
        assert (code, "Traceback" in said) == (2, False)
        for name, value in settings.items():
            assert f"\n  {name} " in said
            assert f" {value}" not in said.partition("(")[0]
