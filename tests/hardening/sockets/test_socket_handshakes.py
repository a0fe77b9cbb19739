"""X1 to X14, X37, X38, X44: who gets a socket."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.e2e.neighbours import UserService
from tests.e2e.replica import Replica
from tests.e2e.tokens import token_for
from tests.e2e.waiting import until
from tests.hardening.sockets.conftest import MOST_PER_ADDRESS, MOST_SOCKETS, PAGE
from tests.hardening.sockets.gauges import gauges
from tests.hardening.sockets.lines import Line, answers
from tests.hardening.sockets.wire import PROBLEM, Answer, Wire, dialled, handshake, opened, somebody


async def refusal(replica: Replica, request: bytes, line: Line) -> Wire:
    """The connection, after an answer with the line's status."""
    async with dialled(replica.url) as wire:
        wire.send(request)
        answer = await wire.answer()
        assert (answer.status, answer.headers["content-type"].split(";")[0]) == (line.answer, PROBLEM)
        if line.answer == 426:
            assert answer.headers["sec-websocket-version"] == "13"
        if line.answer == 405:
            assert answer.headers["allow"] == "GET"
        return wire


@answers("X1")
@pytest.mark.parametrize("upgrade", [None, "h2c", ""])
async def test_without_an_upgrade_there_is_no_socket(quiet: Replica, line: Line, upgrade: str | None) -> None:
    await refusal(quiet, handshake(somebody(), headers={"Upgrade": upgrade}), line)


@answers("X2")
@pytest.mark.parametrize("version", ["12", "8", "7", "", "13, 8", None])
async def test_only_version_13_is_spoken(quiet: Replica, line: Line, version: str | None) -> None:
    await refusal(quiet, handshake(somebody(), headers={"Sec-WebSocket-Version": version}), line)


@answers("X3")
@pytest.mark.parametrize("key", [None, "", "short", "%%%", "a" * 200, "dGhlIHNhbXBsZSBub25jZQ"])
async def test_a_key_is_16_bytes_in_base64(quiet: Replica, line: Line, key: str | None) -> None:
    await refusal(quiet, handshake(somebody(), headers={"Sec-WebSocket-Key": key}), line)


@answers("X4")
async def test_a_handshake_is_a_get(quiet: Replica, line: Line) -> None:
    await refusal(quiet, handshake(somebody(), method="POST", headers={"Content-Length": "0"}), line)


@answers("X5")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "5"}, b"hello"),
        ({"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n"),
    ],
    ids=["length", "chunked"],
)
async def test_a_handshake_has_no_body(quiet: Replica, line: Line, headers: dict[str, str], body: bytes) -> None:
    await refusal(quiet, handshake(somebody(), headers=headers, body=body), line)


@answers("X6")
@pytest.mark.parametrize("query", ["", "token=", "token=undefined", "token=a.b.c", "token=%00", "token=" + "x" * 5000])
async def test_without_a_good_token_the_socket_is_closed_where_browsers_see_why(
    quiet: Replica, line: Line, query: str
) -> None:
    async with dialled(quiet.url) as wire:
        wire.send(handshake(query=query))
        assert (await wire.answer()).status == 101
        assert await wire.closed() == line.answer


@answers("X6")
async def test_a_token_of_another_kind_or_secret_is_none(quiet: Replica, line: Line) -> None:
    for token in (token_for(somebody(), type="refresh"), token_for(somebody())[:-1] + "!"):
        async with dialled(quiet.url) as wire:
            wire.send(handshake(query=f"token={token}"))
            assert (await wire.answer()).status == 101
            assert await wire.closed() == line.answer


@answers("X7")
async def test_an_expired_token_is_none(quiet: Replica, line: Line) -> None:
    async with dialled(quiet.url) as wire:
        wire.send(handshake(query=f"token={token_for(somebody(), exp=int(time.time()) - 11)}"))
        assert (await wire.answer()).status == 101
        assert await wire.closed() == line.answer


@answers("X8")
async def test_two_different_tokens_are_malformed(quiet: Replica, line: Line) -> None:
    other = {"Authorization": f"Bearer {token_for(somebody())}"}
    await refusal(quiet, handshake(somebody(), headers=other), line)


@answers("X9")
async def test_a_token_twice_in_the_query_is_malformed(quiet: Replica, line: Line) -> None:
    token = token_for(somebody())
    await refusal(quiet, handshake(query=f"token={token}&token={token}"), line)


@answers("X10")
async def test_a_foreign_page_is_sent_away(quiet: Replica, line: Line) -> None:
    async with dialled(quiet.url) as wire:
        wire.send(handshake(somebody(), headers={"Origin": "https://evil.example"}))
        assert (await wire.answer()).status == 101
        assert await wire.closed() == line.answer


@answers("X11")
@pytest.mark.parametrize(
    "origin",
    ["null", "", f"{PAGE}.evil.io", f"{PAGE}:8443", "http://app.example.com", f"{PAGE}/", f"{PAGE}@evil.io",
     "https://APP.example.com", "https://xapp.example.com", f"{PAGE} https://evil.io"],
)  # fmt: skip
async def test_a_page_that_looks_like_an_allowed_one_is_sent_away(quiet: Replica, line: Line, origin: str) -> None:
    async with dialled(quiet.url) as wire:
        wire.send(handshake(somebody(), headers={"Origin": origin}))
        assert (await wire.answer()).status == 101
        assert await wire.closed() == line.answer


@answers("X12")
@pytest.mark.parametrize("origin", [None, PAGE])
async def test_without_an_origin_or_with_the_allowed_one_a_socket_is_served(
    quiet: Replica, line: Line, origin: str | None
) -> None:
    async with opened(quiet.url, somebody(), headers={"Origin": origin}) as wire:
        await wire.is_served()


@answers("X13")
async def test_the_oldest_socket_of_a_user_makes_room(quiet: Replica, line: Line) -> None:
    user = somebody()
    async with contextlib.AsyncExitStack() as stack:
        oldest, *others = [await stack.enter_async_context(opened(quiet.url, user)) for _ in range(6)]
        assert await oldest.closed() == line.answer
        for wire in others:
            await wire.is_served()


@answers("X14")
async def test_an_address_and_the_process_have_so_many_seats(small: Replica, users: UserService, line: Line) -> None:
    async def one(source: str) -> Wire:
        user = somebody()
        request = handshake(user)
        users.users[request.split(b"token=")[1].split()[0].decode()] = user
        wire = await stack.enter_async_context(dialled(small.url, source=source))
        wire.send(request)
        return wire

    async def is_turned_away(source: str) -> bool:
        answer = await (await one(source)).answer()
        return (answer.status, answer.headers.get("retry-after")) == (line.answer, "1")

    async with contextlib.AsyncExitStack() as stack:
        for number in range(MOST_SOCKETS):
            wire = await one(f"127.0.0.{2 + number // MOST_PER_ADDRESS}")
            assert (await wire.answer()).status == 101
            await wire.is_served()
        assert await is_turned_away("127.0.0.2"), "the address is full"
        assert await is_turned_away("127.0.0.9"), "the process is full"
    await until(lambda: _is_empty(small))


async def _is_empty(replica: Replica) -> bool:
    return (await gauges(replica)).sockets == 0


@answers("X37")
async def test_compression_is_declined(quiet: Replica, line: Line) -> None:
    async with dialled(quiet.url) as wire:
        wire.send(
            handshake(somebody(), headers={"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=9"})
        )
        answer = await wire.answer()
        assert (answer.status, "sec-websocket-extensions" in answer.headers) == (101, False)
        await wire.is_served()


@answers("X38")
@pytest.mark.parametrize("offered", ["chat, superchat", ",,,", "junk;junk", "\u00e9", "x" * 2000, "chat, bearer"])
async def test_subprotocols_of_others_are_ignored(quiet: Replica, line: Line, offered: str) -> None:
    async with opened(quiet.url, somebody(), headers={"Sec-WebSocket-Protocol": offered}) as wire:
        await wire.is_served()


@answers("X44")
async def test_who_reconnects_a_hundred_times_a_second_is_told_to_slow_down(quiet: Replica, line: Line) -> None:
    user = somebody()
    admitted = [await knock(quiet, user) for _ in range(600)]
    refused = await knock(quiet, user)
    assert {answer.status for answer in admitted} == {101}
    assert refused.status == line.answer
    assert 0 < int(refused.headers["retry-after"]) <= 60


async def knock(replica: Replica, user: str) -> Answer:
    """What one more handshake of *user* is answered; the socket is gone at once."""
    async with dialled(replica.url) as wire:
        wire.send(handshake(user))
        return await wire.answer()


async def test_frames_that_come_before_the_answer_to_the_handshake_are_refused(replica: Replica) -> None:
    async with dialled(replica.url) as wire:
        wire.send(handshake(somebody(), body=b"\x81\x02{}"))
        assert (await wire.answer()).status == 400
