"""T1 to T25, T32 to T34: what is wrong with a message before anybody reads what it says, at every endpoint."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable

import pytest

from tests.e2e.client import BASE
from tests.e2e.replica import Replica
from tests.hardening.wire import (
    ENDPOINTS,
    HANDSHAKE,
    POSTS,
    SOCKET,
    UNKNOWN,
    WISH,
    Answer,
    ask,
    expect_problem,
    head,
    post,
    wire,
)

EVERYWHERE = (*ENDPOINTS, SOCKET)
CHUNKED = "Transfer-Encoding: chunked"

Sent = Callable[[str, str], bytes]
"""From method and path to what goes over the wire."""


def with_lines(*lines: str, body: bytes = b"") -> Sent:
    return lambda method, path: head(method, path, *lines) + body


def with_length(length: str) -> Sent:
    return with_lines(f"Content-Length: {length}", body=b"{}")


def in_version(version: str) -> Sent:
    return lambda method, path: head(method, path, version=version)


NOT_HTTP: dict[str, Sent] = {
    "T1 a header of 9,000 bytes": with_lines("X: " + "x" * 9000),
    "T2 200 headers": with_lines(*(f"X{number}: 1" for number in range(200))),
    "T3 a path of 9,000 bytes": lambda method, path: head(method, f"{path}?{'x' * 9000}"),
    "T4 NUL in a value": with_lines("X: a\0b"),
    "T4 CR in a value": with_lines("X: a\rb"),
    "T4 LF in a value": with_lines("X: a\nb"),
    "T5 a space in a name": with_lines("X y: 1"),
    "T5 a space after a name": with_lines("X : 1"),
    "T6 a folded header": with_lines("X: 1", " 2"),
    "T7 bare LF": lambda method, path: head(method, path).replace(b"\r\n", b"\n"),
    "T8 no Host": lambda method, path: head(method, path).replace(b"Host: replica\r\n", b""),
    "T8 two Hosts": with_lines("Host: other"),
    "T9 both framings": with_lines("Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
    "T9 both framings, the other way round": with_lines(CHUNKED, "Content-Length: 5", body=b"0\r\n\r\n"),
    "T10 two lengths": with_lines("Content-Length: 1", "Content-Length: 2", body=b"{}"),
    "T10 two lengths in one": with_length("2, 2"),
    "T11 +2 bytes": with_length("+2"),
    "T11 -1 bytes": with_length("-1"),
    "T11 0x2 bytes": with_length("0x2"),
    "T11 more bytes than can be counted": with_length("9" * 50),
    "T12 chunked, then identity": with_lines("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "T12 identity": with_lines("Transfer-Encoding: identity", body=b"{}"),
    "T12 chunked twice": with_lines(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "T20 FOO": lambda _, path: head("FOO", path),
    "T20 CONNECT": lambda _, path: head("CONNECT", path),
    "T20 CONNECT to a host": lambda _, path: head("CONNECT", "replica:80"),
    "T20 lower case": lambda method, path: head(method.lower(), path),
    "T22 HTTP/0.9": in_version("HTTP/0.9"),
    "T22 no version": lambda method, path: f"{method} {path}\r\n\r\n".encode(),
    "T23 the preface of HTTP/2": lambda method, path: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "T23 HTTP/1.9": in_version("HTTP/1.9"),
    "T23 HTTP/2.0": in_version("HTTP/2.0"),
    "T23 TLS": lambda method, path: bytes.fromhex("16030100a5010000a10303") + bytes(150),
    "T24 a host that is none": lambda method, path: head(method, f"http://[::1{path}"),
}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_not_http_is_400_and_the_line_is_closed(target: Replica, name: str) -> None:
    for method, path in EVERYWHERE:
        async with wire(target) as line:
            await line.send(NOT_HTTP[name](method, path))
            answer = await line.answer()
            expect_problem(answer, 400, "malformed")
            assert answer.version in ("HTTP/1.0", "HTTP/1.1")
            assert await line.end() == b""


BAD_CHUNKS = {
    "T13 a size that is no number": b"zz\r\n{}\r\n0\r\n\r\n",
    "T13 a negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "T13 LF in an extension": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "T13 a chunk longer than its size": b"1\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
@pytest.mark.parametrize("path", POSTS)
async def test_bad_chunks_are_400(target: Replica, path: str, name: str) -> None:
    for pieces in ([head("POST", path, CHUNKED) + BAD_CHUNKS[name]], [head("POST", path, CHUNKED), BAD_CHUNKS[name]]):
        expect_problem(await ask(target, *pieces), 400, "malformed")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("name", ["T12 a coding that is not ours"])
async def test_other_transfer_codings_are_400(target: Replica, path: str, name: str) -> None:
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(WISH), WISH)
    answer = await ask(target, head("POST", path, "Transfer-Encoding: gzip, chunked") + body)
    expect_problem(answer, 400, "malformed")


async def refused_and_cut(target: Replica, sent: bytes) -> Answer:
    """The answer to *sent*, after which nothing more is read."""
    async with wire(target) as line:
        await line.send(sent)
        answer = await line.answer()
        assert answer.headers["Connection"] == "close"
        assert await line.end() == b""
        return answer


@pytest.mark.parametrize(
    ("length", "body"),
    [
        pytest.param(16_385, b" " * 16_385, id="T15 a byte too many"),
        pytest.param(10**15, b"{}", id="T11 a petabyte that does not come"),
        pytest.param(10_000_000, b" " * 100_000, id="T15 ten megabytes"),
    ],
)
async def test_too_much_is_413(target: Replica, length: int, body: bytes) -> None:
    heads = [head("POST", path, f"Content-Length: {length}") for path in POSTS]
    for answer in await asyncio.gather(*(refused_and_cut(target, sent + body) for sent in heads)):
        expect_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("size", [pytest.param(1, id="T14 one byte each"), pytest.param(16, id="T14 sixteen each")])
async def test_a_million_chunks_are_cut_short(target: Replica, size: int) -> None:
    many = b"%x\r\n%b\r\n" % (size, b" " * size) * 1_000_000

    async def cut_short(path: str) -> None:
        async with wire(target) as line:
            line.writer.write(head("POST", path, CHUNKED) + many)
            expect_problem(await line.answer(), 413, "body_too_large")
            await line.end()

    await asyncio.gather(*map(cut_short, POSTS))


CODINGS = {
    "T16 a bomb": (gzip.compress(bytes(10_000_000)), "gzip"),
    "T17 unknown": (WISH, "bogus"),
    "T17 stacked": (WISH, "gzip, gzip"),
    "T17 hidden behind identity": (WISH, "identity, br"),
    "T17 in a second header": (WISH, "identity\r\nContent-Encoding: gzip"),
    "T18 broken": (b"not gzip", "gzip"),
}


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("name", CODINGS)
async def test_coded_bodies_are_415(target: Replica, path: str, name: str) -> None:
    body, coding = CODINGS[name]
    answer = await post(target, body, f"Content-Encoding: {coding}", path=path)
    expect_problem(answer, 415, "encoding_refused")
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("name", ["T19"])
async def test_nobody_can_expect_more_than_to_go_on(target: Replica, name: str) -> None:
    for method, path in EVERYWHERE:
        expect_problem(await ask(target, head(method, path, "Expect: bogus")), 417, "expectation_failed")


@pytest.mark.parametrize("method", [pytest.param("PUT", id="T21 PUT"), pytest.param("TRACE", id="T20 TRACE")])
async def test_a_wrong_method_is_405_and_names_the_right_ones(target: Replica, method: str) -> None:
    for allowed, path in EVERYWHERE:
        answer = await ask(target, head(method, path))
        expect_problem(answer, 405, "method_not_allowed")
        assert allowed in answer.headers["Allow"].split(",")


async def test_t24_a_foreign_host_in_the_target_changes_nothing(target: Replica) -> None:
    for method, path in ENDPOINTS[3:]:
        answer = await ask(target, head(method, f"http://evil.example{path}"))
        expect_problem(answer, 404)
        assert b"evil" not in answer.raw
    body = WISH.replace(b"Hardening", b"Foreign hosts")
    sent = head("POST", f"http://evil.example{BASE}/request", f"Content-Length: {len(body)}", user="foreign") + body
    answer = await ask(target, sent)
    assert (answer.status, answer.headers["Location"].partition("/requests/")[0]) == (201, BASE)
    assert "evil" not in str(answer.headers)


STRANGE = ["%00", "%2f", "..%2f", "%2e%2e%2f%2e%2e", "%zz", "%0d%0a", "%", "*", f"{UNKNOWN}%00", f"{UNKNOWN}%0a"]


@pytest.mark.parametrize("text", [pytest.param(text, id=f"T25 {text}") for text in STRANGE])
async def test_a_strange_id_is_404(target: Replica, text: str) -> None:
    for method, path in ENDPOINTS:
        if UNKNOWN in path:
            expect_problem(await ask(target, head(method, path.replace(UNKNOWN, text))), 404)


@pytest.mark.parametrize("name", ["T32"])
async def test_two_authorization_headers_are_400(target: Replica, name: str) -> None:
    for method, path in ENDPOINTS:
        sent = head(method, path, head(user="other").split(b"\r\n")[2].decode())
        assert sent.count(b"Authorization") == 2
        expect_problem(await ask(target, sent), 400, "malformed")
    sent = head(*SOCKET, *HANDSHAKE, head(user="other").split(b"\r\n")[2].decode())
    expect_problem(await ask(target, sent), 400, "malformed")


INJECTED = ["a\tb", "a b", "a%0d%0aX: 1", "<script>", "x" * 65, "\u00e9", ""]


@pytest.mark.parametrize("text", [pytest.param(text, id=f"T33 {text!a}") for text in INJECTED])
async def test_only_decent_values_are_echoed(target: Replica, text: str) -> None:
    answer = await ask(target, head("GET", f"{BASE}/sessions/active", f"X-Request-ID: {text}", f"Origin: {text}"))
    expect_problem(answer, 404)
    assert answer.headers["X-Request-ID"] == answer.body["request_id"] != text
    assert not text or text.encode("latin-1") not in answer.raw
    assert "Access-Control-Allow-Origin" not in answer.headers
