"""Valid requests for every endpoint: what the noise is made from."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from functools import cache
from typing import Final

from tests.e2e.tokens import token_for
from web.paths import BASE, SOCKET
from web.routes import ROUTES, Route

USERS: Final = 40
TOPICS: Final = ("Array", "Graph", "Dynamic Programming", "C++")
DIFFICULTIES: Final = ("easy", "Medium", "HARD")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "")
STRANGE: Final = (
    b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"%00", b"%2f", b"%zz", b"../", b"?", b"#", b"\xff",
    b"\xc3\xa9", b"\xed\xa0\x80", b"\xe2\x80\xae", b"{", b"}", b"[", b"]", b'"', b"\\", b"NaN", b"1e999", b"-1",
    b"9" * 40, b"A" * 300, b"chunked", b"gzip", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"websocket",
)  # fmt: skip
"""What parsers stumble over."""


@cache
def token(number: int) -> str:
    return token_for(f"noise-{number}")


def request(chance: random.Random) -> bytes:
    """One valid request, of a user who may well exist, for an endpoint that certainly does."""
    route = chance.choice([route for route in ROUTES if route.path != SOCKET])
    body = _body(chance, route)
    headers = ["Host: matching", f"User-Agent: noise/{chance.randrange(10)}"]
    if route.needs_token or chance.random() < 0.1:
        headers.append(f"Authorization: Bearer {token(chance.randrange(USERS))}")
    if chance.random() < 0.2:
        headers.append(f"Origin: https://{chance.choice(('app', 'evil'))}.example.com")
    if body is None:
        return _message(f"{route.method} {_path(chance, route)} HTTP/1.1", headers, b"")
    headers.append(f"Content-Type: {chance.choice(('application/json', 'text/plain;charset=UTF-8'))}")
    if chance.random() < 0.2:
        return _message(f"POST {route.path} HTTP/1.1", [*headers, "Transfer-Encoding: chunked"], chunked(chance, body))
    return _message(f"POST {route.path} HTTP/1.1", [*headers, f"Content-Length: {len(body)}"], body)


def _path(chance: random.Random, route: Route) -> str:
    path = route.path
    for name in ("{request_id}", "{match_id}", "{session_id}"):
        path = path.replace(name, identifier(chance))
    return path + chance.choice(("", "", "", "?", "?x=1&x=2", f"?token={token(0)}"))


def identifier(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _body(chance: random.Random, route: Route) -> bytes | None:
    if route.body is None:
        return None
    wish = {"difficulty": chance.choice(DIFFICULTIES), "topic": chance.choice(TOPICS)}
    by_path = {
        f"{BASE}/request": wish,
        f"{BASE}/confirm": {"match_id": identifier(chance), "confirmed": chance.random() < 0.5},
        f"{BASE}/sessions/leave": {"session_id": identifier(chance)},
    }
    return json.dumps(by_path.get(route.path, wish)).encode()


def chunked(chance: random.Random, body: bytes) -> bytes:
    """*body* in chunks, the last one empty."""
    parts = []
    while body:
        size = chance.randint(1, len(body))
        parts.append(b"%x\r\n%s\r\n" % (size, body[:size]))
        body = body[size:]
    return b"".join([*parts, b"0\r\n\r\n"])


def handshake(chance: random.Random) -> bytes:
    """A valid handshake; now and then of nobody, or from a page."""
    key = chance.choice(("dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="))
    headers = ["Host: matching", "Upgrade: websocket", "Connection: keep-alive, Upgrade", f"Sec-WebSocket-Key: {key}"]
    headers.append("Sec-WebSocket-Version: 13")
    if chance.random() < 0.2:
        headers.append(f"Sec-WebSocket-Protocol: {chance.choice(('chat', 'bearer, ' + token(1)))}")
    if chance.random() < 0.2:
        headers.append("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
    query = f"?token={token(chance.randrange(USERS))}" if chance.random() < 0.9 else ""
    return _message(f"GET {SOCKET}{query} HTTP/1.1", headers, b"")


def _message(first: str, headers: Sequence[str], body: bytes) -> bytes:
    return "\r\n".join([first, *headers, "", ""]).encode() + body
