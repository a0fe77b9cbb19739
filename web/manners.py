"""What a client may send over a socket, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import WSMessage, WSMsgType

from web import frames
from web.bodies import parsed
from web.connection import CloseCode
from web.errors import Malformed

MOST_MESSAGES: Final = 20
WINDOW_SECONDS: Final = 10
MOST_NONSENSE: Final = 3


class Manners:
    """Judges what one client sends, pings and pongs included."""

    __slots__ = ("_clock", "_count", "_nonsense", "_window_ends")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0
        self._window_ends = 0.0
        self._nonsense = 0

    def judge(self, message: WSMessage) -> bytes | CloseCode | None:
        """The frame to answer with, the reason to close, or None for what is ignored."""
        if self._is_flood():
            return CloseCode.FLOOD
        if message.type is WSMsgType.BINARY:
            return CloseCode.UNSUPPORTED
        if message.type is WSMsgType.TEXT:
            return self._judge_text(message.data)
        return None

    def _judge_text(self, text: str) -> bytes | CloseCode | None:
        try:
            value = parsed(text)
        except Malformed:
            value = None
        if isinstance(value, dict):
            return frames.PONG if value.get("type") == "ping" else None
        self._nonsense += 1
        return CloseCode.POLICY if self._nonsense >= MOST_NONSENSE else frames.ERROR

    def _is_flood(self) -> bool:
        now = self._clock()
        if now >= self._window_ends:
            self._window_ends = now + WINDOW_SECONDS
            self._count = 0
        self._count += 1
        return self._count > MOST_MESSAGES
