"""Frames on their way to other replicas, kept while Redis is away."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis.keys import FRAMES_CHANNEL
from persistence.redis.lines import Client
from persistence.seldom import Seldom

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Frames kept for publishing; beyond that the oldest are dropped, and clients learn by their next read."""

MOST_SECONDS = 30.0
"""How long a frame is kept: after that it is no news."""

MOST_AT_ONCE = 500
"""Frames per message."""

GATHER_SECONDS = 0.005
"""How long after a message the next one may go: each wakes every replica, so that frames had better share them."""

LATE_SECONDS = 0.1
"""After so long a frame may come behind what its user was told by the other replica meanwhile."""

CATCH_UP = "?"
"""In the place of a frame: what was just told is old, so tell how things stand."""

RETRY_SECONDS = 0.5
GOODBYE_SECONDS = 0.5


_AWAY = (RedisError, OSError, TimeoutError, StoreUnavailable)
"""What a client raises when Redis is away, or has too much to do."""

_ORIGIN = re.compile(rb"[0-9a-f]{8}")
"""Which replica a message comes from; a line for every frame follows: user, tab, frame."""


class Frame(NamedTuple):
    """What a user is to be told."""

    user_id: UserId
    text: str


def frames_in(message: bytes) -> Sequence[Frame] | None:
    """The frames of a published *message*; None when it is none of ours."""
    try:
        lines = [line.split("\t") for line in message[8:].decode().split("\n")]
    except UnicodeDecodeError:
        return None
    if not _ORIGIN.match(message) or not all(len(line) == 2 and all(line) for line in lines):  # noqa: PLR2004
        return None
    return [Frame(UserId(user_id), text) for user_id, text in lines]


class Publisher:
    """Publishes frames in order.  After a failure some may come twice: sockets drop repeats."""

    def __init__(
        self, client: Client, *, origin: str, failed: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*origin*, eight hexadecimal digits, is how a replica knows its own messages."""
        self._client = client
        self._origin = origin
        self._failed = failed
        self._clock = clock
        self._waiting: deque[tuple[float, Frame]] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._may_say = Seldom()

    def publish(self, frame: Frame) -> None:
        """Pass *frame* on, soon; never waits."""
        self._waiting.append((self._clock(), frame))
        self._news.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.flush()
            except _AWAY as error:
                self._failed("redis")
                if self._may_say():
                    log.warning("frames wait for Redis", action="fanout_failed", error=repr(error))
            except Exception:
                log.exception("frames were not published", action="fanout_failed")
            else:
                await asyncio.sleep(GATHER_SECONDS)
                continue
            await asyncio.sleep(RETRY_SECONDS)
            self._news.set()

    async def finish(self) -> None:
        """Publish what is left, if that is quick: those it is about were noted as told."""
        with contextlib.suppress(*_AWAY):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.flush()
        if self._waiting:
            log.warning("frames stay on this replica", action="fanout_failed", frames=len(self._waiting))

    async def flush(self) -> None:
        """Publish everything that waits and is not too old."""
        while batch := self._take():
            try:
                await self._send([*(frame for _, frame in batch), *self._corrections(batch)])
            except (*_AWAY, asyncio.CancelledError):
                self._waiting = deque([*batch, *self._waiting], maxlen=MOST_WAITING)
                raise

    def _take(self) -> Sequence[tuple[float, Frame]]:
        oldest = self._clock() - MOST_SECONDS
        while self._waiting and self._waiting[0][0] < oldest:
            self._waiting.popleft()
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]

    def _corrections(self, batch: Sequence[tuple[float, Frame]]) -> Sequence[Frame]:
        """For each user of *batch* who is told something late."""
        late_before = self._clock() - LATE_SECONDS
        users = dict.fromkeys(frame.user_id for came, frame in batch if came < late_before)
        return [Frame(user_id, CATCH_UP) for user_id in users]

    async def _send(self, frames: Sequence[Frame]) -> None:
        lines = "\n".join(f"{user_id}\t{text}" for user_id, text in frames)
        await self._client.publish(FRAMES_CHANNEL, self._origin + lines)
