"""How clients of the stores speak: where one message ends and the next begins, and which of them count."""

from __future__ import annotations

from typing import Protocol

_ENCRYPTION_WANTED = 80_877_103
_HEARTBEAT = 8


class Dialect(Protocol):
    """Reads what one client sends."""

    def take(self, sent: bytearray) -> int:
        """Remove every whole message from *sent*: how many of them count."""


class Statements:
    """PostgreSQL: each Execute and each simple Query is a statement."""

    def __init__(self) -> None:
        self._is_greeted = False

    def take(self, sent: bytearray) -> int:
        found = 0
        while len(sent) >= 8 if not self._is_greeted else len(sent) >= 5:
            start = 1 if self._is_greeted else 0  # only the greeting has no kind
            length = start + int.from_bytes(sent[start : start + 4], "big")
            if len(sent) < length:
                break
            found += self._is_greeted and sent[0] in b"EQ"
            self._is_greeted = self._is_greeted or int.from_bytes(sent[4:8], "big") != _ENCRYPTION_WANTED
            del sent[:length]
        return found


class Commands:
    """Redis: each array of strings is a command."""

    def take(self, sent: bytearray) -> int:
        found = 0
        while (length := _length(sent)) is not None:
            found += 1
            del sent[:length]
        return found


def _length(sent: bytearray) -> int | None:
    """Of the first command; None when it has not arrived as a whole."""
    place, strings = _number(sent, 0)
    while strings > 0 and place > 0:
        place, size = _number(sent, place)
        place = place + size + 2 if place > 0 else 0
        strings -= 1
    return place if 0 < place <= len(sent) else None


def _number(sent: bytearray, place: int) -> tuple[int, int]:
    """The number of the line at *place*, and where the next begins; nowhere, 0, when the line has no end."""
    end = sent.find(b"\r\n", place)
    return (end + 2, int(sent[place + 1 : end])) if end >= 0 else (0, 0)


class Frames:
    """RabbitMQ: each frame but heartbeats counts; an event is three, its method, its properties and its body."""

    def take(self, sent: bytearray) -> int:
        if sent.startswith(b"AMQP"):  # eight bytes of greeting, in which a frame's length would be huge
            del sent[: 8 if len(sent) >= 8 else 0]
        found = 0
        while len(sent) >= 7 and len(sent) >= (length := 8 + int.from_bytes(sent[3:7], "big")):
            found += sent[0] != _HEARTBEAT
            del sent[:length]
        return found


class Anything:
    """Nothing counts but the bytes."""

    def take(self, sent: bytearray) -> int:
        sent.clear()
        return 0
