"""What is read as a body, and what is refused, from the wire."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from domain.topic import Topics
from tests.web.conftest import Edge
from tests.web.fakes import token
from web import bodies
from web.paths import BASE

WISH = b'{"difficulty": "easy", "topic": "Array"}'

MALFORMED = {
    "empty": b"",
    "blank": b"  ",
    "not JSON": b"nope",
    "cut off": WISH[:-1],
    "trailing text": WISH + b"x",
    "trailing comma": b'{"difficulty": "easy", "topic": "Array",}',
    "comment": b'{"difficulty": "easy", /* */ "topic": "Array"}',
    "byte order mark": b"\xef\xbb\xbf" + WISH,
    "UTF-16": WISH.decode().encode("utf-16"),
    "not UTF-8": b'{"difficulty": "easy", "topic": "Arr\xe4y"}',
    "overlong UTF-8": b'{"difficulty": "easy", "topic": "\xc0\xaf"}',
    "NaN": b'{"difficulty": "easy", "topic": "Array", "x": NaN}',
    "Infinity": b'{"difficulty": "easy", "topic": "Array", "x": -Infinity}',
    "overflowing number": b'{"difficulty": "easy", "topic": "Array", "x": 1e400}',
    "duplicate keys": b'{"difficulty": "easy", "topic": "Array", "topic": "Trees"}',
    "nested duplicate keys": b'{"difficulty": "easy", "topic": "Array", "x": {"a": 1, "a": 2}}',
    "8,000 levels": b"[" * 8000,
    "8,000 closed levels": b"[" * 8000 + b"]" * 8000,
    "100 levels": b'{"difficulty": "easy", "topic": "Array", "x": ' + b"[" * 100 + b"]" * 100 + b"}",
    "5,000 digits": b'{"difficulty": "easy", "topic": "Array", "x": ' + b"9" * 5000 + b"}",
    "raw newline in a string": b'{"difficulty": "easy", "topic": "a\nb"}',
}

NO_WISH: dict[str, tuple[Any, set[str]]] = {
    "null": (None, {""}),
    "true": (True, {""}),
    "a number": (7, {""}),
    "a string": ("easy", {""}),
    "a list": ([], {""}),
    "an empty object": ({}, {"difficulty", "topic"}),
    "no topic": ({"difficulty": "easy"}, {"topic"}),
    "no difficulty": ({"topic": "Array"}, {"difficulty"}),
    "both wrong": ({"difficulty": "insane", "topic": ""}, {"difficulty", "topic"}),
}

NO_DIFFICULTY = ["insane", "", " easy", 1, True, None, [], {}, "\ud800", "eаsy"]  # noqa: RUF001 - a Cyrillic look-alike

NO_TOPIC = [
    "", "   ", "x" * 65, "a:b", "a*b", "a?b", "a[b", "a{b}", "a\nb", "a\tb", "a\0b", "\ud800", "\u0430rray",
    "a\u200bb", "a\u202eb", "\u05d0", "\U0001f600", 7, None, True, [], {}, "$where", "'; DROP TABLE x", "%n",
    "${jndi:ldap://x}", "a\r\nb", "<script>",
]  # fmt: skip


async def post(edge: Edge, body: Any, **headers: str) -> Any:
    return await edge.post("/request", data=body, headers=headers)


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_json_is_malformed(edge: Edge, name: str) -> None:
    answer = await post(edge, MALFORMED[name])
    assert (answer.status, answer.code) == (400, "malformed")
    assert edge.matchmaker.asked == []


@pytest.mark.parametrize("name", NO_WISH)
async def test_all_that_is_wrong_with_a_body_is_told_at_once(edge: Edge, name: str) -> None:
    body, fields = NO_WISH[name]
    answer = await post(edge, json.dumps(body))
    assert (answer.status, answer.code) == (422, "invalid_body")
    assert {error["field"] for error in answer.body["errors"]} == fields
    assert all(error["message"] and error["code"] for error in answer.body["errors"])


@pytest.mark.parametrize("difficulty", NO_DIFFICULTY)
async def test_there_are_three_difficulties(edge: Edge, difficulty: str) -> None:
    answer = await post(edge, json.dumps({"difficulty": difficulty, "topic": "Array"}))
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["difficulty"])


@pytest.mark.parametrize("topic", NO_TOPIC)
async def test_a_topic_has_a_small_alphabet(edge: Edge, topic: object) -> None:
    answer = await post(edge, json.dumps({"difficulty": "easy", "topic": topic}))
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, ["topic"])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" Array ", "Array"), ("Two  Pointers", "Two Pointers"), ("C++", "C++"), ("I/O", "I/O"), ("x" * 64, "x" * 64),
        ("Cafe\u0301", "Caf\u00e9"), ("__proto__", "__proto__"), ("{0}"[1], "0"),
    ],
)  # fmt: skip
async def test_a_topic_has_one_spelling(edge: Edge, text: str, canonical: str) -> None:
    assert (await post(edge, json.dumps({"difficulty": "easy", "topic": text}))).status == 201
    assert edge.matchmaker.asked[0][2].topic == canonical


@pytest.mark.parametrize("text", ["Array", "array", " ARRAY "])
async def test_where_topics_are_configured_their_spelling_counts(edge: Edge, text: str) -> None:
    edge.set(topics=Topics(["Array", "Trees"]))
    assert (await post(edge, json.dumps({"difficulty": "easy", "topic": text}))).status == 201
    assert edge.matchmaker.asked[0][2].topic == "Array"


async def test_where_topics_are_configured_others_are_refused(edge: Edge) -> None:
    edge.set(topics=Topics(["Array", "Trees"]))
    assert (await post(edge, b'{"difficulty": "easy", "topic": "Graphs"}')).status == 422


@pytest.mark.parametrize(
    "name",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/json; charset=bogus",
        "application/x-www-form-urlencoded",
        "x",
    ],
)
async def test_the_content_type_does_not_matter(edge: Edge, name: str) -> None:
    assert (await post(edge, WISH, **{"Content-Type": name})).status == 201


async def test_a_body_without_a_content_type_is_read(edge: Edge) -> None:
    answer = await edge.post("/request", data=WISH, skip_auto_headers=["Content-Type"])
    assert answer.status == 201


async def test_nobody_assigns_what_is_ours(edge: Edge) -> None:
    mine = {"user_id": "user-999", "status": "matched", "id": "x", "created_at": "1970-01-01", "__proto__": {"x": 1}}
    answer = await edge.post("/request", {"difficulty": "easy", "topic": "Array"} | mine)
    assert answer.status == 201
    assert edge.matchmaker.asked[0][1] == "user-123"


async def test_junk_in_the_query_is_ignored(edge: Edge) -> None:
    assert (await edge.post("/request?x=1&topic=Trees", data=WISH)).status == 201
    assert edge.matchmaker.asked[0][2].topic == "Array"


async def test_a_body_of_16_kib_is_read(edge: Edge) -> None:
    assert (await post(edge, WISH.ljust(16 * 1024))).status == 201


async def chunks() -> Any:
    for _ in range(200):
        yield b" " * 1024


@pytest.mark.parametrize("body", [b" " * (16 * 1024 + 1), "chunked"])
async def test_a_larger_body_is_refused(edge: Edge, body: object) -> None:
    answer = await post(edge, chunks() if body == "chunked" else body)
    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "gzip, gzip", "bogus"])
async def test_a_compressed_body_is_refused(edge: Edge, name: str) -> None:
    answer = await post(edge, gzip.compress(b" " * 10_000_000), **{"Content-Encoding": name})
    assert (answer.status, answer.code) == (415, "encoding_refused")


async def test_a_broken_compressed_body_is_refused(edge: Edge) -> None:
    assert (await post(edge, b"not gzip", **{"Content-Encoding": "gzip"})).status == 415


async def test_many_brackets_are_not_many_levels(edge: Edge) -> None:
    body = {"difficulty": "easy", "topic": "Array", "x": [[]] * 100, "y": "[" * 100}
    assert (await edge.post("/request", body)).status == 201


async def raw(edge: Edge, *parts: bytes, until: bytes | None = None) -> bytes:
    """The answer to exactly these bytes."""
    if not hasattr(edge, "client"):
        await edge.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.client.port)
    for one in parts:
        writer.write(one)
        await writer.drain()
    answer = await (reader.readuntil(until) if until else reader.read())
    writer.close()
    await writer.wait_closed()
    return answer


def head(*lines: str) -> bytes:
    fixed = [f"POST {BASE}/request HTTP/1.1", "Host: x", f"Authorization: Bearer {token()}"]
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


async def test_a_body_that_never_comes_is_given_up(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    answer = await raw(edge, head("Content-Length: 10"), until=b"}")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "body_too_slow"' in answer


async def test_a_client_may_ask_before_it_sends(edge: Edge) -> None:
    answer = await raw(edge, head(f"Content-Length: {len(WISH)}", "Expect: 100-continue", "Connection: close"), WISH)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


async def test_other_expectations_fail_as_problems(edge: Edge) -> None:
    answer = await raw(edge, head("Content-Length: 0", "Expect: bogus", "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 417 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "name",
    [
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: -1",
        "X y: z",
    ],
)
async def test_smuggled_framing_is_refused(edge: Edge, name: str) -> None:
    assert b" 400 " in (await raw(edge, head(name))).partition(b"\r\n")[0]
