"""How a valid message becomes a bad one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from tests.hardening.fuzz.corpus import METHODS, STRANGE, chunked, request

Mutation = Callable[[random.Random, bytes], bytes]


def flip(chance: random.Random, message: bytes) -> bytes:
    """Some bits are others."""
    changed = bytearray(message)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def truncate(chance: random.Random, message: bytes) -> bytes:
    """The end is missing."""
    return message[: chance.randrange(len(message)) + 1]


def drop(chance: random.Random, message: bytes) -> bytes:
    """Something in the middle is missing."""
    start = chance.randrange(len(message))
    return message[:start] + message[start + chance.randint(1, 20) :] or b"\r\n"


def insert(chance: random.Random, message: bytes) -> bytes:
    """Something strange is in it."""
    at = chance.randrange(len(message) + 1)
    return message[:at] + chance.choice(STRANGE) * chance.choice((1, 1, 1, 3)) + message[at:]


def splice(chance: random.Random, message: bytes) -> bytes:
    """It begins as one message and ends as another."""
    other = request(chance)
    return message[: chance.randrange(len(message)) + 1] + other[chance.randrange(len(other)) :]


def repeat(chance: random.Random, message: bytes) -> bytes:
    """A part of it comes many times."""
    start = chance.randrange(len(message))
    part = message[start : start + chance.randint(1, 40)]
    return message[:start] + part * chance.choice((2, 3, 50, 400)) + message[start:]


def rename(chance: random.Random, message: bytes) -> bytes:
    """The method is another one."""
    _, space, rest = message.partition(b" ")
    return chance.choice(METHODS).encode() + space + rest


def header(chance: random.Random, message: bytes) -> bytes:
    """One more header, which contradicts the others or is none."""
    extra = chance.choice((
        b"Content-Length: %d" % chance.choice((0, 1, 5, 16_384, 16_385, 1 << 31, 1 << 63, 1 << 70)),
        b"Content-Length: +2", b"Content-Length: -1", b"Content-Length: 0x10", b"Content-Length: 1, 1",
        b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked",
        b"Content-Encoding: gzip", b"Content-Encoding: br, gzip", b"Expect: 100-continue", b"Expect: the-worst",
        b"Connection: close", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"Upgrade: websocket",
        b"Host: other", b"Authorization: Basic eA==", b"Authorization: Bearer a.b.c", b"X-Request-ID: " + b"x" * 80,
        b"Range: bytes=0-1,3-", b"If-None-Match: *", b"Accept: application/openmetrics-text; version=9",
        b"Access-Control-Request-Method: PUT", b"Cookie: " + b"a=b; " * 200, b"Forwarded: for=x", b" folded: yes",
        b"No-Colon", b": no name", b"Na me: x", b"Bin: \xff\xfe", b"Nul: \x00", b"Big: " + b"x" * 9000,
        b"\r\n".join(b"Many-%d: x" % number for number in range(140)),
    ))  # fmt: skip
    first, end, rest = message.partition(b"\r\n")
    return first + end + extra + b"\r\n" + rest


def rechunk(chance: random.Random, message: bytes) -> bytes:
    """Chunks that lie about their size, or never end."""
    head, _, body = message.partition(b"\r\n\r\n")
    wrong = chance.choice((
        b"ffffffffffffffff\r\nx", b"-1\r\n", b"5\r\nab", b"0\r\n", b"zz\r\n", b"1;ext=\n\r\nx\r\n0\r\n\r\n",
        b"1\r\nx\r\n" * 2000 + b"0\r\n\r\n", b"1\nx\n0\n\n", b"4\r\n{}\r\n\r\n0\r\nTrailer: x\r\n\r\n",
        chunked(chance, body or b"{}"),
    ))  # fmt: skip
    return head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + wrong


def json_game(chance: random.Random, message: bytes) -> bytes:
    """The body is JSON that only some take, with the length that belongs to it."""
    head = message.partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-length", b"transfer-enc"))]
    body = chance.choice((
        b"", b"null", b"[]", b"7", b'"x"', b"{", b"{}{}", b'{"difficulty":"easy","difficulty":"hard","topic":"A"}',
        b"[" * 8000, b'{"a":' * 2000 + b"1" + b"}" * 2000, b'{"topic":' + b"9" * 5000 + b"}", b'{"topic":NaN}',
        b'{"difficulty":"easy","topic":"\\ud800"}', b'{"difficulty":"easy","topic":"\\u0000"}', b"\xef\xbb\xbf{}",
        b'{"match_id":{},"confirmed":"true"}', b'{"session_id":["x"]}', b'{"difficulty":1e999,"topic":true}',
        "{}".encode("utf-16"), b'{"topic":"' + b"x" * 20_000 + b'"}', b"\xff\xfe\xfd",
    ))  # fmt: skip
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def noise(chance: random.Random, _message: bytes) -> bytes:
    """No message at all."""
    return chance.choice((
        chance.randbytes(chance.randint(1, 2000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(60),  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + chance.randbytes(30),
        b"GET /health\r\n", b"\r\n" * chance.randint(1, 500), b"GET " + b"/" * 20_000, b"*1\r\n$4\r\nPING\r\n",
    ))  # fmt: skip


MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip, truncate, drop, insert, splice, repeat, rename, rechunk, noise, header, header, json_game, json_game,
    json_game,
)  # fmt: skip
"""Those that handlers see come more often than those that the parser stops."""


def mutated(chance: random.Random, message: bytes) -> bytes:
    """*message* after one to three mutations."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        message = chance.choice(MUTATIONS)(chance, message) or b"\r\n"
    return message
