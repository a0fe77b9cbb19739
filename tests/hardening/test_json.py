"""B1 to B13, E17, K6: bodies that are no JSON, or not the JSON that is asked for, at every endpoint that reads one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.replica import Replica
from tests.hardening.wire import POSTS, expect_problem, post

NAMES = {"request": "topic", "confirm": "match_id", "leave": "session_id"}
EVERYWHERE = "E17 K6"


def text_field(path: str) -> str:
    """The member that is a text, by the last part of the path."""
    return NAMES[path.rpartition("/")[2]]


def beside(member: bytes) -> Callable[[bytes], bytes]:
    """A good body with one member more, which nobody asked for."""
    return lambda good: good[:-1] + b', "x": ' + member + b"}"


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "B1 empty": lambda _: b"",
    "B1 blank": lambda _: b" \r\n",
    "B2 text": lambda _: b"nope",
    "B2 cut off": lambda good: good[:-1],
    "B2 something after it": lambda good: good + b"x",
    "B2 two of them": lambda good: good + good,
    "B2 a comma too many": lambda good: good[:-1] + b",}",
    "B2 a comment": lambda good: good[:-1] + b"/* */}",
    "B2 a form": lambda _: b"difficulty=easy&topic=Array",
    "B2 single quotes": lambda good: good.replace(b'"', b"'"),
    "B2 a raw line feed in a string": beside(b'"a\nb"'),
    "B6 UTF-16": lambda good: good.decode().encode("utf-16"),
    "B6 a byte order mark": lambda good: b"\xef\xbb\xbf" + good,
    "B7 Latin-1": beside('"\u00e9"'.encode("latin-1")),
    "B7 overlong": beside(b'"\xc0\xaf"'),
    "B7 half a character": beside(b'"\xed\xa0\x80"'),
    "B8 NaN": beside(b"NaN"),
    "B8 Infinity": beside(b"Infinity"),
    "B8 -Infinity": beside(b"-Infinity"),
    "B8 1e400": beside(b"1e400"),
    "B9 a name twice": lambda good: good[:-1] + b", " + good[1:],
    "B9 a name twice, deeper": beside(b'{"a": 1, "a": 1}'),
    "B9 a name twice, escaped": beside(b'{"a": 1, "\\u0061": 1}'),
    "B10 8,000 levels": lambda _: b"[" * 8000 + b"]" * 8000,
    "B10 8,000 levels of objects": lambda _: b'{"a":' * 2500,
    "B10 100 levels where nobody looks": beside(b"[" * 100 + b"]" * 100),
    "B11 5,000 digits": beside(b"9" * 5000),
}


@pytest.mark.parametrize("name", [f"{name} {EVERYWHERE}" for name in MALFORMED])
async def test_what_is_no_json_is_400(target: Replica, name: str) -> None:
    make = MALFORMED[name.removesuffix(f" {EVERYWHERE}")]
    for path, good in POSTS.items():
        answer = await post(target, make(json.dumps(good).encode()), path=path)
        expect_problem(answer, 400, "malformed")


SCALARS: list[object] = [None, True, 7, 0.5, "easy", [], [{}]]


@pytest.mark.parametrize("value", [pytest.param(value, id=f"B3 {EVERYWHERE} {value!r}") for value in SCALARS])
async def test_json_that_is_no_object_is_422(target: Replica, value: object) -> None:
    for path in POSTS:
        answer = await post(target, json.dumps(value).encode(), path=path)
        expect_problem(answer, 422, "invalid_body")
        assert [error["field"] for error in answer.body["errors"]] == [""]


TYPES = {
    "B4 text/plain": "Content-Type: text/plain;charset=UTF-8",
    "B4 a form": "Content-Type: application/x-www-form-urlencoded",
    "B4 a file": "Content-Type: multipart/form-data; boundary=x",
    "B4 nonsense": "Content-Type: \u00ff",
    "B4 none": "X: 1",
    "B5 a bogus charset": "Content-Type: application/json; charset=bogus",
    "B5 UTF-7": "Content-Type: application/json; charset=utf-7",
}


@pytest.mark.parametrize("name", [f"{name} {EVERYWHERE}" for name in TYPES])
async def test_the_content_type_says_nothing(target: Replica, name: str) -> None:
    line = TYPES[name.removesuffix(f" {EVERYWHERE}")]
    for path, good in POSTS.items():
        answer = await post(target, json.dumps(good).encode(), line, path=path, user="typist")
        assert answer.status in ((200, 201) if path.endswith("/request") else (404,))


STRANGE_TEXTS = {
    "B12 half a character": '"\\ud800"',
    "B12 the other half": '"a\\udc00"',
    "B13 NUL": '"\\u0000"',
    "B13 NUL in the middle": '"Arr\\u0000ay"',
}


@pytest.mark.parametrize("name", [f"{name} {EVERYWHERE}" for name in STRANGE_TEXTS])
async def test_texts_that_no_store_takes_are_422(target: Replica, name: str) -> None:
    text = STRANGE_TEXTS[name.removesuffix(f" {EVERYWHERE}")]
    for path, good in POSTS.items():
        field = text_field(path)
        body = json.dumps(good | {field: "@"}).replace('"@"', text)
        answer = await post(target, body.encode(), path=path)
        expect_problem(answer, 422, "invalid_body")
        assert [error["field"] for error in answer.body["errors"]] == [field]


@pytest.mark.parametrize("name", [f"B12 {EVERYWHERE}", f"B13 {EVERYWHERE}"])
async def test_texts_that_nobody_asked_for_may_be_strange(target: Replica, name: str) -> None:
    text = b'"\\ud800"' if name.startswith("B12") else b'"\\u0000"'
    for path, good in POSTS.items():
        answer = await post(target, beside(text)(json.dumps(good).encode()), path=path, user="typist")
        assert answer.status in ((200, 201) if path.endswith("/request") else (404,))
