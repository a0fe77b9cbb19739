"""Whom a token lets in, from the wire."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from domain.errors import NeighbourUnavailable
from tests.web.conftest import Edge
from tests.web.fakes import SECRET, FakeUsers, token
from web.auth import LEEWAY_SECONDS

NOW = int(time.time())
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"


def part(value: bytes | object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(header: bytes | object, payload: bytes | object, secret: str = SECRET) -> str:
    """A token signed as it should be, whatever is in it."""
    signed = f"{part(header)}.{part(payload)}"
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def claims(**given: Any) -> dict[str, Any]:
    return {"sub": "user-123", "exp": NOW + 7200, "type": "access"} | given


HEADER = {"alg": "HS256", "typ": "JWT"}
GOOD = token()

BAD_HEADERS = [
    "Basic dXNlcjpwYXNz", "Bearer", "Bearer ", GOOD, f"Bearer {GOOD} trailing", "Bearer a b", "Bearer undefined",
    f"Token {GOOD}",
]  # fmt: skip

BAD_TOKENS = {
    "one part": "abc",
    "two parts": "abc.def",
    "four parts": f"{GOOD}.x",
    "bad base64": "@@.@@.@@",
    "header is no JSON": forged(b"nope", claims()),
    "payload is no JSON": forged(HEADER, b"nope"),
    "payload is a list": forged(HEADER, []),
    "payload is a number": forged(HEADER, 7),
    "payload is not UTF-8": forged(HEADER, b'{"sub": "\xff"}'),
    "alg none": f"{part({'alg': 'none'})}.{part(claims())}.",
    "alg None": f"{part({'alg': 'None'})}.{part(claims())}.",
    "alg nOnE, signed": forged({"alg": "nOnE"}, claims()),
    "alg HS384": token(algorithm="HS384"),
    "alg HS512": token(algorithm="HS512"),
    "alg RS256": forged({"alg": "RS256"}, claims()),
    "alg ES256": forged({"alg": "ES256"}, claims()),
    "alg missing": forged({"typ": "JWT"}, claims()),
    "alg a list": forged({"alg": ["HS256"]}, claims()),
    "alg a number": forged({"alg": 256}, claims()),
    "header is a list": forged([], claims()),
    "empty signature": GOOD.rpartition(".")[0] + ".",
    "truncated signature": GOOD[:-2],
    "empty key": forged(HEADER, claims(), ""),
    "another secret": forged(HEADER, claims(), "secretkey"),
    "a public key as secret": forged(HEADER, claims(), PEM),
    "expired": token(exp=NOW - LEEWAY_SECONDS - 5),
    "exp missing": token(exp=None),
    "exp a string": token(exp=str(NOW + 7200)),
    "exp a fraction": token(exp=NOW + 7200.5),
    "exp negative": token(exp=-1),
    "exp true": token(exp=True),
    "exp infinite": forged(HEADER, b'{"sub": "user-123", "exp": 1e400}'),
    "exp NaN": forged(HEADER, b'{"sub": "user-123", "exp": NaN}'),
    "exp of 5,000 digits": forged(HEADER, b'{"sub": "user-123", "exp": ' + b"9" * 2000 + b"}"),
    "nbf ahead": token(nbf=NOW + 86_400),
    "iat ahead": token(iat=NOW + 86_400),
    "iat a list": token(iat=[]),
    "sub missing": token(None),
    "sub empty": token(""),
    "sub a number": token(7),
    "sub an object": token({"id": "user-123"}),
    "sub a list": token(["user-123"]),
    "sub too long": token("x" * 129),
    "sub with NUL": token("a\0b"),
    "sub with newline": token("a\nb"),
    "sub with a direction mark": token("a\u202eb"),
    "sub with a lone surrogate": forged(HEADER, b'{"sub": "\\ud800", "exp": 99999999999}'),
    "sub with a colon": token("a:b"),
    "sub with a star": token("a*b"),
    "sub with a space": token("a b"),
    "refresh token": token(type="refresh"),
    "type of another kind": token(type=1),
    "unknown crit": forged(HEADER | {"crit": ["x"], "x": 1}, claims()),
    "b64 false": forged(HEADER | {"b64": False, "crit": ["b64"]}, claims()),
    "over 4 KiB": token(padding="x" * 5000),
    "deeply nested": forged(HEADER, b'{"sub": ' + b"[" * 1200 + b"]" * 1200 + b"}"),
    "not ASCII": "\u00e9.\u00e9.\u00e9",
}  # fmt: skip

GOOD_TOKENS = {
    "no type": token(type=None),
    "issued a little ahead": token(iat=NOW + 1),
    "128 characters": token("x" * 128),
    "an e-mail address": token("user@example.com"),
    "kid is a path": forged(HEADER | {"kid": "../../etc/passwd"}, claims()),
    "kid is SQL": forged(HEADER | {"kid": "' OR 1=1 --"}, claims()),
    "keys offered in the header": forged(
        HEADER | {"jku": "http://127.0.0.1:1/x", "x5u": "http://127.0.0.1:1/x", "jwk": {"kty": "oct", "k": "AA"}},
        claims(),
    ),
}


async def answer_to(edge: Edge, authorization: str) -> Any:
    return await edge.get("/sessions/active", user=None, headers={"Authorization": authorization})


async def test_without_a_token_there_is_a_challenge(edge: Edge) -> None:
    answer = await edge.get("/sessions/active", user=None)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="matching"'


@pytest.mark.parametrize("bad", BAD_HEADERS)
async def test_anything_but_a_bearer_token_is_refused(edge: Edge, bad: str) -> None:
    answer = await answer_to(edge, bad)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="matching", error="invalid_token"')
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_refused(edge: Edge, name: str) -> None:
    answer = await answer_to(edge, f"Bearer {BAD_TOKENS[name]}")
    assert answer.status == 401
    assert BAD_TOKENS[name] not in answer.text


async def test_a_token_that_has_just_expired_is_accepted(edge: Edge) -> None:
    assert (await answer_to(edge, f"Bearer {token(exp=int(time.time()) - 1)}")).code == "session_not_found"


@pytest.mark.parametrize("name", GOOD_TOKENS)
async def test_a_good_token_is_accepted(edge: Edge, name: str) -> None:
    assert (await answer_to(edge, f"Bearer {GOOD_TOKENS[name]}")).code == "session_not_found"


@pytest.mark.parametrize("spelling", ["bearer", "BEARER", "Bearer"])
async def test_the_scheme_is_spelled_in_any_case(edge: Edge, spelling: str) -> None:
    assert (await answer_to(edge, f"{spelling} {GOOD}")).status == 404


async def test_two_authorization_headers_are_malformed(edge: Edge) -> None:
    answer = await edge.get("/sessions/active", user=None, headers=[("Authorization", f"Bearer {GOOD}")] * 2)
    assert (answer.status, answer.code) == (400, "malformed")


async def test_the_last_of_two_claims_of_one_name_is_the_user(edge: Edge) -> None:
    payload = f'{{"sub": "user-999", "sub": "user-123", "exp": {NOW + 7200}}}'.encode()
    await edge.open()
    assert edge.authenticator.verify(forged(HEADER, payload)).user_id == "user-123"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("right", 404), ("wrong issuer", 401), ("no issuer", 401), ("wrong audience", 401), ("no audience", 401),
        ("one of several audiences", 404),
    ],
)  # fmt: skip
async def test_issuer_and_audience_count_where_they_are_configured(edge: Edge, name: str, status: object) -> None:
    edge.issuer, edge.audience = "users", "matching"
    presented = {
        "right": token(iss="users", aud="matching"),
        "wrong issuer": token(iss="others", aud="matching"),
        "no issuer": token(aud="matching"),
        "wrong audience": token(iss="users", aud="others"),
        "no audience": token(iss="users"),
        "one of several audiences": token(iss="users", aud=["others", "matching"]),
    }
    assert (await answer_to(edge, f"Bearer {presented[name]}")).status == status


async def test_issuer_and_audience_do_not_matter_elsewhere(edge: Edge) -> None:
    assert (await answer_to(edge, f"Bearer {token(iss='users', aud='others')}")).status == 404


async def test_a_deleted_user_is_refused_where_the_user_service_is_asked(edge: Edge) -> None:
    edge.users = FakeUsers(answer=False)
    assert (await edge.get("/sessions/active")).status == 401
    edge.users.answer = True
    assert (await edge.get("/sessions/active")).status == 404
    assert edge.users.asked == 2


async def test_a_user_service_that_is_away_means_try_again(edge: Edge) -> None:
    edge.users = FakeUsers(answer=NeighbourUnavailable("users"))
    answer = await edge.get("/sessions/active")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_a_bad_token_never_reaches_the_user_service(edge: Edge) -> None:
    edge.users = FakeUsers()
    assert (await answer_to(edge, f"Bearer {BAD_TOKENS['another secret']}")).status == 401
    assert edge.users.asked == 0
