"""Frames on their way to other replicas, kept while Redis is away."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

import structlog
from redis.exceptions import RedisError, ResponseError

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis.keys import FRAMES_CHANNEL
from persistence.redis.lines import Client
from persistence.redis.scripts import Script
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

DOUBT_SECONDS = 15.0
"""How long frames that nobody else listened for are remembered: a broken subscription is noticed before."""

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


_Dated = tuple[float, Frame]
"""A frame and when it came, by the clock."""


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
    """Publishes frames in order.  After a failure some may come twice, or late: sockets drop what they just had.

    Nothing is published while no other replica listens: Redis knows how many do, and looks in the same moment.  It is
    told how many of them we are ourselves.  Should that turn out to have been wrong, what was withheld goes out.
    """

    def __init__(
        self,
        client: Client,
        *,
        origin: str,
        is_subscribed: Callable[[], bool],
        failed: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*origin*, eight hexadecimal digits, is how a replica knows its own messages.

        *is_subscribed* says whether this replica is one of those who listen.
        """
        self._client = client
        self._origin = origin
        self._is_subscribed = is_subscribed
        self._failed = failed
        self._clock = clock
        self._to_others = Script(client, "publish_to_others") if client.knows_listeners else None
        self._waiting: deque[_Dated] = deque(maxlen=MOST_WAITING)
        self._withheld: deque[tuple[float, Sequence[_Dated]]] = deque()
        self._losses = 0
        self._news = asyncio.Event()
        self._may_say = Seldom()

    def publish(self, frame: Frame) -> None:
        """Pass *frame* on, soon; never waits."""
        self._waiting.append((self._clock(), frame))
        self._news.set()

    def subscription_lost(self) -> None:
        """This replica does not listen, and who knows since when: another one was perhaps taken for it."""
        self._losses += 1
        self._forget_withheld()
        self._put_back([dated for _, batch in self._withheld for dated in batch])
        self._withheld.clear()

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
            losses = self._losses
            try:
                is_published = await self._send([frame for _, frame in batch])
            except (*_AWAY, asyncio.CancelledError):
                self._put_back(batch)
                raise
            if is_published:
                continue
            if self._losses != losses:  # meanwhile: nobody knows whom Redis counted
                self._put_back(batch)
            elif self._is_subscribed():
                self._forget_withheld()
                self._withheld.append((self._clock(), batch))

    def _take(self) -> Sequence[_Dated]:
        oldest = self._clock() - MOST_SECONDS
        while self._waiting and self._waiting[0][0] < oldest:
            self._waiting.popleft()
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]

    def _put_back(self, batch: Sequence[_Dated]) -> None:
        """Let *batch* wait again, in its place."""
        self._waiting = deque(sorted([*batch, *self._waiting], key=itemgetter(0)), maxlen=MOST_WAITING)
        self._news.set()

    def _forget_withheld(self) -> None:
        oldest = self._clock() - DOUBT_SECONDS
        while self._withheld and self._withheld[0][0] < oldest:
            self._withheld.popleft()

    async def _send(self, frames: Sequence[Frame]) -> bool:
        """Publish *frames* if anybody else listens; whether somebody does."""
        message = self._origin + "\n".join(f"{user_id}\t{text}" for user_id, text in frames)
        if self._to_others is not None:
            own_subscriptions = int(self._is_subscribed())
            try:
                return bool(await self._to_others(FRAMES_CHANNEL, [own_subscriptions, message]))
            except ResponseError as error:  # a Redis that does not let us look
                if self._may_say():
                    log.warning("frames go out, listeners or not", action="fanout_failed", error=repr(error))
        await self._client.publish(FRAMES_CHANNEL, message)
        return True
