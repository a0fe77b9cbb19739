"""Section 4.4 of the hardening matrix as data: every line, and what the service answers.

``answer`` is a close code (1000 and above), an HTTP status, or what happens instead.  Where matrix and contract
differ the contract counts: a socket without a good token, or of a foreign page, is accepted and closed, since
browsers can read a close code but no status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True, slots=True)
class Line:
    """One bad input."""

    label: str
    what: str
    answer: int | str

    def __str__(self) -> str:
        return self.label


_LINES: Final[tuple[Line, ...]] = (
    Line("X1", "no Upgrade", 426),
    Line("X2", "another Sec-WebSocket-Version", 426),
    Line("X3", "a bad or missing key", 400),
    Line("X4", "POST", 405),
    Line("X5", "a handshake with a body", 400),
    Line("X6", "token missing or invalid", 4401),
    Line("X7", "token expired", 4401),
    Line("X8", "different tokens in query and header", 400),
    Line("X9", "token twice in the query", 400),
    Line("X10", "an origin that is not allowed", 4403),
    Line("X11", "an origin that looks like an allowed one", 4403),
    Line("X12", "no origin", "is served"),
    Line("X13", "one socket of a user too many", 4409),
    Line("X14", "more sockets than an address or the process may have", 503),
    Line("X15", "text over 4 KiB", 1009),
    Line("X16", "a huge declared length", 1009),
    Line("X17", "pieces that sum up to more than 4 KiB", 1009),
    Line("X18", "1,000 empty pieces", 1008),
    Line("X19", "a frame in segments of one byte", "is served"),
    Line("X20", "an unmasked frame", 1002),
    Line("X21", "text that is not UTF-8", 1007),
    Line("X22", "RSV1 without compression", 1002),
    Line("X23", "a reserved opcode", 1002),
    Line("X24", "a continuation of nothing", 1002),
    Line("X25", "a ping in pieces, or over 125 bytes", 1002),
    Line("X26", "a close frame with an impossible code, or with one byte", 1002),
    Line("X27", "a binary frame", 1003),
    Line("X28", "text that is no JSON object: told twice, closed the third time", 1008),
    Line("X29", "more than 20 messages in 10 s", 4429),
    Line("X30", "20,000 pings", 4429),
    Line("X31", "20,000 pongs that nobody asked for", 4429),
    Line("X32", "no pong in time", 1006),
    Line("X33", "a client that never reads", 4408),
    Line("X34", "data behind a close frame", 1000),
    Line("X35", "a token that expires meanwhile", 4401),
    Line("X36", "a user who is deleted meanwhile", 4401),
    Line("X37", "permessage-deflate is offered", "declined"),
    Line("X38", "subprotocols of others", "is served"),
    Line("X39", "a reset right after 101", "leaves nothing behind"),
    Line("X40", "10,000 handshakes that are broken off", "leave no descriptor behind"),
    Line("X41", "JSON that only some parsers take", 1008),
    Line("X42", "a user_id in a message", "ignored"),
    Line("X43", "a subscription to others' news", "ignored"),
    Line("X44", "reconnecting 100 times a second", 429),
)
LINES: Final = {line.label: line for line in _LINES}


def answers(*labels: str) -> pytest.MarkDecorator:
    """The test that is marked answers for these lines; it gets each as ``line``."""
    return pytest.mark.parametrize("line", [LINES[label] for label in labels], ids=str)
