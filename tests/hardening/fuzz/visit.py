"""One connection: what it sends, how, and what it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.hardening.fuzz import corpus
from tests.hardening.fuzz.frames import traffic
from tests.hardening.fuzz.mutations import mutated
from tests.hardening.sockets.wire import Wire, dialled

FIRST_ANSWER_SECONDS: Final = 1.5
NEXT_ANSWER_SECONDS: Final = 0.1
MOST_ANSWERS_BYTES: Final = 4 << 20
PORTION_SECONDS: Final = 0.001
MOST_PORTIONS: Final = 50
DOCUMENTED: Final = 503

_STATUS = re.compile(rb"(?:^|\r\n|\})HTTP/1\.[01] (\d{3}) ")


@dataclass
class Tally:
    """What all visits sent and were answered."""

    connections: int = 0
    requests: int = 0
    sockets: int = 0
    frames: int = 0
    sent_bytes: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def answered(self, number: int, received: bytes) -> None:
        """Count the answers of visit *number*, and keep what must never be answered."""
        for status in map(int, _STATUS.findall(received)):
            self.statuses[status] += 1
            if status >= 500 and status != DOCUMENTED:
                self.faults.append(f"visit {number} was answered {status}")
        if b"Traceback (most recent call last)" in received:
            self.faults.append(f"visit {number} was shown a traceback")


async def visit(url: str, seed: int, number: int, tally: Tally) -> None:
    """Visit *number* of a run: always the same bytes for the same *seed*."""
    chance = random.Random(f"{seed}-{number}")
    tally.connections += 1
    async with dialled(url) as wire:
        with contextlib.suppress(ConnectionError):
            if chance.random() < 0.6:
                await _speak_http(wire, chance, number, tally)
            else:
                await _speak_websocket(wire, chance, number, tally)
        if chance.random() < 0.5:
            wire.reset()


async def _speak_http(wire: Wire, chance: random.Random, number: int, tally: Tally) -> None:
    how_many = chance.choice((1, 1, 1, 2, 5, 40))  # more than one: pipelined
    messages = [corpus.request(chance) for _ in range(how_many)]
    share = chance.choice((0.03, 0.3, 1.0))
    wrong = [mutated(chance, message) if chance.random() < share else message for message in messages]
    tally.requests += how_many
    await _send(wire, chance, b"".join(wrong), tally)
    if chance.random() < 0.8:  # others do not wait for an answer
        tally.answered(number, await _answers(wire))


async def _speak_websocket(wire: Wire, chance: random.Random, number: int, tally: Tally) -> None:
    opening = corpus.handshake(chance)
    is_mutated = chance.random() < 0.25
    await _send(wire, chance, mutated(chance, opening) if is_mutated else opening, tally)
    tally.sockets += 1
    if not is_mutated and chance.random() < 0.9:
        received = await _answers(wire)
        tally.answered(number, received)
    for _ in range(chance.randint(1, 3)):
        frames, count = traffic(chance)
        tally.frames += count
        await _send(wire, chance, frames, tally)
        await asyncio.sleep(0)
    if chance.random() < 0.7:
        await _answers(wire)


async def _send(wire: Wire, chance: random.Random, what: bytes, tally: Tally) -> None:
    """At once, in portions, or byte by byte."""
    tally.sent_bytes += len(what)
    size = chance.choice((len(what), len(what), len(what), 1000, 17, 1))
    if size == 1:
        what = what[:200]
    for start in range(0, len(what), max(size, len(what) // MOST_PORTIONS)):
        if wire.writer.transport.is_closing():
            return
        wire.send(what[start : start + size])
        if size < len(what):
            await asyncio.sleep(PORTION_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(wire.writer.drain(), FIRST_ANSWER_SECONDS)


async def _answers(wire: Wire) -> bytes:
    """What comes until nothing comes any more, or the line is cut."""
    received = b""
    patience = FIRST_ANSWER_SECONDS
    with contextlib.suppress(TimeoutError, ConnectionError):
        while len(received) < MOST_ANSWERS_BYTES:
            portion = await asyncio.wait_for(wire.reader.read(1 << 16), patience)
            if not portion:
                break
            received += portion
            patience = NEXT_ANSWER_SECONDS
    return received + bytes(wire.reader._buffer)  # type: ignore[attr-defined]  # what a reset would hide
