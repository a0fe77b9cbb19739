"""Tokens as nobody should make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from tests.e2e.tokens import ISSUED, SECRET, token_for

LEEWAY_SECONDS = 10
NOW = int(time.time())
HEADER = {"alg": "HS256", "typ": "JWT"}
PEM = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def part(value: bytes | object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(header: bytes | object, payload: bytes | object, secret: str = SECRET, algorithm: str = "HS256") -> str:
    """A token signed as it should be, whatever is in it."""
    signed = f"{part(header)}.{part(payload)}"
    token = f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), HASHES[algorithm]).digest())}"
    ISSUED.add(token)
    return token


def claims(**given: Any) -> dict[str, Any]:
    """Good ones but for *given*; one given as None is left out."""
    all_of_them = {"sub": "forger", "exp": NOW + 3600, "type": "access"} | given
    return {name: value for name, value in all_of_them.items() if value is not None}


def claiming(**given: Any) -> str:
    return forged(HEADER, claims(**given))


def heading(**given: Any) -> str:
    return forged(HEADER | given, claims())


def unsigned(**header: Any) -> str:
    return f"{part(header)}.{part(claims())}."


def raw_claims(text: bytes) -> str:
    return forged(HEADER, b'{"sub": "forger", %b}' % text)


GOOD = token_for("forger")
SIGNED, _, SIGNATURE = GOOD.rpartition(".")

BAD_HEADERS = {
    "A2 Basic": "Basic dXNlcjpwYXNz",
    "A2 another scheme": f"Token {GOOD}",
    "A2 no scheme": GOOD,
    "A3 nothing": "",
    "A3 the scheme alone": "Bearer",
    "A3 the scheme and a space": "Bearer ",
    "A5 spaces inside": f"Bearer {GOOD[:40]} {GOOD[40:]}",
    "A5 something after it": f"Bearer {GOOD} x",
    "A5 a comma after it": f"Bearer {GOOD},",
    "A5 two of them": f"Bearer {GOOD}, Bearer {GOOD}",
}

BAD_TOKENS = {
    "A6 one part": "only-one",
    "A6 two parts": SIGNED,
    "A6 four parts": f"{GOOD}.x",
    "A6 empty parts": "..",
    "A7 no base64": "@@.@@.@@",
    "A7 base64 of another alphabet": GOOD.replace(SIGNATURE, "+/" + SIGNATURE[2:]),
    "A8 a header of text": forged(b"nope", claims()),
    "A8 a payload of text": forged(HEADER, b"nope"),
    "A8 a header that is a list": forged([], claims()),
    "A8 a payload that is a list": forged(HEADER, []),
    "A8 a payload that is a number": forged(HEADER, 7),
    "A8 a payload that is null": forged(HEADER, None),
    "A8 a payload that is not UTF-8": forged(HEADER, b'{"sub": "\xff"}'),
    "A9 none": unsigned(alg="none"),
    "A9 None": unsigned(alg="None"),
    "A9 nOnE": unsigned(alg="nOnE"),
    "A9 none, signed all the same": heading(alg="none"),
    "A10 HS384": forged({"alg": "HS384"}, claims(), algorithm="HS384"),
    "A10 HS512": forged({"alg": "HS512"}, claims(), algorithm="HS512"),
    "A10 RS256": heading(alg="RS256"),
    "A10 ES256": heading(alg="ES256"),
    "A11 no algorithm": forged({"typ": "JWT"}, claims()),
    "A11 a list of algorithms": heading(alg=["HS256"]),
    "A11 the number of one": heading(alg=256),
    "A12 no signature": f"{SIGNED}.",
    "A13 a byte less": f"{SIGNED}.{part(base64.urlsafe_b64decode(SIGNATURE + '=')[:-1])}",
    "A13 a letter less": GOOD[:-1],
    "A14 an empty key": forged(HEADER, claims(), ""),
    "A14 the sample key": forged(HEADER, claims(), "secretkey"),
    "A14 a public key": forged(HEADER, claims(), PEM),
    "A15 over": claiming(exp=NOW - LEEWAY_SECONDS - 1),
    "A16 without end": claiming(exp=None),
    "A17 ends in a string": claiming(exp=str(NOW + 3600)),
    "A17 ends in a fraction": claiming(exp=NOW + 3600.5),
    "A17 ended before it began": claiming(exp=-1),
    "A17 ends in true": claiming(exp=True),
    "A17 ends in 1e400": raw_claims(b'"exp": 1e400'),
    "A17 ends in NaN": raw_claims(b'"exp": NaN'),
    "A17 ends in 2,000 digits": raw_claims(b'"exp": ' + b"9" * 2000),
    "A18 not yet": claiming(nbf=NOW + 86_400),
    "A19 of tomorrow": claiming(iat=NOW + 86_400),
    "A19 of no time": claiming(iat=[]),
    "A20 nobody": claiming(sub=None),
    "A20 an empty name": claiming(sub=""),
    "A20 a number": claiming(sub=7),
    "A20 an object": claiming(sub={"id": "forger"}),
    "A20 a list": claiming(sub=["forger"]),
    "A21 129 characters": claiming(sub="x" * 129),
    "A21 NUL": claiming(sub="a\0b"),
    "A21 a line feed": claiming(sub="a\nb"),
    "A21 a direction mark": claiming(sub="a\u202eb"),
    "A21 half a character": forged(HEADER, b'{"sub": "\\ud800", "exp": 99999999999}'),
    "A21 a colon": claiming(sub="a:b"),
    "A21 a star": claiming(sub="a*b"),
    "A21 a space": claiming(sub="a b"),
    "A22 to refresh with": claiming(type="refresh"),
    "A22 of a kind that is no text": claiming(type=1),
    "A24 an extension nobody knows": heading(crit=["x"], x=1),
    "A25 not in base64": heading(b64=False, crit=["b64"]),
    "A25 not in base64, and not critical": heading(b64=False),
    "A28 over 4 KiB": claiming(padding="x" * 5000),
    "A30 1,200 levels": raw_claims(b'"x": ' + b"[" * 1200 + b"]" * 1200),
    "A30 1,200 levels of header": forged(b'{"alg": "HS256", "x": ' + b"[" * 1200 + b"]" * 1200 + b"}", claims()),
}

GOOD_TOKENS = {
    "A19 of the next moment": claiming(iat=NOW + 5),
    "A21 128 characters": claiming(sub="x" * 128),
    "A21 an e-mail address": claiming(sub="forger@example.com"),
    "A22 of no kind": claiming(type=None),
    "A26 the id of its key is a path": heading(kid="../../../../dev/null"),
    "A26 the id of its key is SQL": heading(kid="' UNION SELECT 'x' --"),
    "A26 the id of its key is an address": heading(kid="http://127.0.0.1:9/key"),
    "A27 brings keys along": heading(jku="http://127.0.0.1:9/", x5u="http://127.0.0.1:9/", jwk={"kty": "oct", "k": ""}),
}
