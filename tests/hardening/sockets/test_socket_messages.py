"""X27, X28, X41 to X43: messages, in whatever frames they come."""

from __future__ import annotations

import pytest

from tests.e2e.replica import Replica
from tests.hardening.sockets.lines import Line, answers
from tests.hardening.sockets.wire import BINARY, PING, TEXT, Wire, frame, opened, somebody

ERROR = b'{"type":"error","code":"malformed_frame"}'


@answers("X27")
@pytest.mark.parametrize("payload", [b"", b"{}", b"\x00\xff"])
async def test_binary_frames_are_not_taken(quiet: Replica, line: Line, payload: bytes) -> None:
    async with opened(quiet.url, somebody()) as wire:
        wire.send(frame(BINARY, payload))
        assert await wire.closed() == line.answer


HALTING = [b"hello", b"", b"[]", b"7", b"null", b'"{}"', b"{", b"{}{}"]
LAX = [b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":1,"a":2}', b'{"a":' * 600 + b"1" + b"}" * 600, b"[" * 4000,
       b"\xef\xbb\xbf{}", b'{"a":"\\ud800', b"{'a':1}", b'{"a":1,}']  # fmt: skip
ODD = [b'{"type":"\\ud800"}', b'{"type":"\\u0000"}', b'{"type":1e400}', b'{"a":' + b"9" * 4080 + b"}"]


@answers("X28")
@pytest.mark.parametrize("text", HALTING)
async def test_nonsense_is_named_twice_and_ends_the_third_time(quiet: Replica, line: Line, text: bytes) -> None:
    await halts(quiet, line, text)


@answers("X41")
@pytest.mark.parametrize("text", LAX)
async def test_what_only_some_parsers_take_is_nonsense(quiet: Replica, line: Line, text: bytes) -> None:
    await halts(quiet, line, text)


async def halts(replica: Replica, line: Line, text: bytes) -> None:
    async with opened(replica.url, somebody()) as wire:
        for _ in range(2):
            wire.send(frame(TEXT, text))
            assert (await wire.frame()).payload == ERROR
        wire.send(frame(TEXT, text))
        assert await wire.closed() == line.answer


@answers("X41")
@pytest.mark.parametrize("text", ODD)
async def test_odd_objects_are_ignored_like_any_other(quiet: Replica, line: Line, text: bytes) -> None:
    await ignores(quiet, text)


async def ignores(replica: Replica, *texts: bytes) -> None:
    async with opened(replica.url, somebody()) as wire:
        for text in texts:
            wire.send(frame(TEXT, text))
        await wire.is_served()
        assert await nothing_more(wire)


async def nothing_more(wire: Wire) -> bool:
    """Whether the next that comes is the answer to one more ping."""
    wire.send(frame(PING, b"anything else?"))
    return (await wire.frame()).payload == b"anything else?"


@answers("X42")
async def test_nobody_is_whom_a_message_says(quiet: Replica, line: Line) -> None:
    victim = somebody()
    async with opened(quiet.url, victim) as other:
        claim = f'{{"type":"match_found","user_id":"{victim}","sub":"{victim}"}}'.encode()
        await ignores(quiet, claim, claim.replace(b"match_found", b"authenticate"))
        assert await nothing_more(other)


@answers("X43")
@pytest.mark.parametrize("kind", ["subscribe", "join", "match_ready", "state", "SUBSCRIBE frames:*"])
async def test_nobody_subscribes_to_anything(quiet: Replica, line: Line, kind: str) -> None:
    await ignores(
        quiet, f'{{"type":"{kind}","match_id":"01990000-0000-7000-8000-00000000000a","channel":"*"}}'.encode()
    )
