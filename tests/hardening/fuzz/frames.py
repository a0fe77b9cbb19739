"""What is sent over a socket that is open."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from tests.hardening.fuzz.mutations import flip
from tests.hardening.sockets.wire import BINARY, CLOSE, CONTINUATION, JSON_PING, PING, PONG, TEXT, frame, pieces

_TEXTS: Final = (
    JSON_PING, b"{}", b"", b"hello", b"[]", b'{"type":"subscribe","user_id":"noise-1"}', b'{"a":NaN}', b"\xff\xfe",
    b'{"type":"\\ud800"}', b"[" * 4000, b'{"a":1,"a":2}', b'{"a":' + b"9" * 4080 + b"}", b" " * 4095, b" " * 4096,
)  # fmt: skip


def _message(chance: random.Random) -> bytes:
    return frame(TEXT, chance.choice(_TEXTS))


def _pieces(chance: random.Random) -> bytes:
    text = chance.choice(_TEXTS)
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.choice((1, 2, 5, 100))))
    return pieces(*(text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)))


def _empty_pieces(chance: random.Random) -> bytes:
    return pieces(*[b""] * chance.choice((2, 60, 70, 2000)))


def _control(chance: random.Random) -> bytes:
    return frame(chance.choice((PING, PONG)), b"x" * chance.choice((0, 1, 125, 126))) * chance.choice((1, 3, 30, 3000))


def _farewell(chance: random.Random) -> bytes:
    code = chance.choice((0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1016, 3000, 4401, 4999, 65_535))
    return frame(CLOSE, chance.choice((b"", b"\x03", code.to_bytes(2) + b"bye", code.to_bytes(2) + b"\xff")))


def _huge(chance: random.Random) -> bytes:
    opcode = chance.choice((TEXT, BINARY, CONTINUATION, CLOSE))
    return frame(opcode, b"x", declared=chance.choice((2, 4096, 1 << 16, 1 << 31, 1 << 62, (1 << 64) - 1)))


def _any(chance: random.Random) -> bytes:
    mask = None if chance.random() < 0.3 else chance.randbytes(4)
    payload = chance.randbytes(chance.choice((0, 1, 5, 125, 126, 300)))
    return frame(
        chance.randrange(16), payload, final=chance.random() < 0.6, reserved=chance.choice((0, 0, 0, 1, 4)), mask=mask
    )


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randint(1, 3000))


_KINDS: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    _message, _message, _message, _pieces, _empty_pieces, _control, _farewell, _huge, _any, _any, _noise,
)  # fmt: skip


def traffic(chance: random.Random) -> tuple[bytes, int]:
    """Some frames, right and wrong, and how many they are."""
    sent = [chance.choice(_KINDS)(chance) for _ in range(chance.randint(1, 6))]
    if chance.random() < 0.2:
        sent.append(flip(chance, b"".join(sent)))
    return b"".join(sent), len(sent)
