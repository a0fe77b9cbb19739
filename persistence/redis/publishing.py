"""Frames on their way to other replicas, kept while Redis is away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from persistence.seldom import Seldom

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Frames kept for publishing; beyond that the oldest are dropped, and clients learn by their next read."""

MOST_SECONDS = 30.0
"""How long a frame is kept: after that it is no news."""

MOST_AT_ONCE = 500
"""Frames per trip: what fails in the middle is sent again as a whole."""

RETRY_SECONDS = 0.5
GOODBYE_SECONDS = 0.5


class Frame(NamedTuple):
    """What is published, where, and since when it waits."""

    channel: str
    text: str
    since: float


class Publisher:
    """Publishes frames in order.  After a failure some may come twice: sockets drop repeats."""

    def __init__(
        self, client: Redis, *, failed: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._failed = failed
        self._clock = clock
        self._waiting: deque[Frame] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()
        self._may_say = Seldom()

    def publish(self, channel: str, text: str) -> None:
        """Pass *text* on, soon; never waits."""
        self._waiting.append(Frame(channel, text, self._clock()))
        self._news.set()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.flush()
            except (RedisError, OSError, TimeoutError) as error:
                self._failed("redis")
                if self._may_say():
                    log.warning("frames wait for Redis", action="fanout_failed", error=repr(error))
            except Exception:
                log.exception("frames were not published", action="fanout_failed")
            else:
                continue
            await asyncio.sleep(RETRY_SECONDS)
            self._news.set()

    async def finish(self) -> None:
        """Publish what is left, if that is quick: those it is about were noted as told."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self.flush()
        if self._waiting:
            log.warning("frames stay on this replica", action="fanout_failed", frames=len(self._waiting))

    async def flush(self) -> None:
        """Publish everything that waits and is not too old."""
        while batch := self._take():
            try:
                replies = await self._send(batch)
            except (RedisError, OSError, TimeoutError, asyncio.CancelledError):
                self._put_back(batch)
                raise
            refused = [
                (frame, reply) for frame, reply in zip(batch, replies, strict=True) if isinstance(reply, Exception)
            ]
            if refused:
                self._put_back([frame for frame, _ in refused])
                raise refused[0][1]

    def _take(self) -> Sequence[Frame]:
        oldest = self._clock() - MOST_SECONDS
        while self._waiting and self._waiting[0].since < oldest:
            self._waiting.popleft()
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]

    def _put_back(self, frames: Sequence[Frame]) -> None:
        self._waiting = deque([*frames, *self._waiting], maxlen=MOST_WAITING)

    async def _send(self, frames: Sequence[Frame]) -> Sequence[object]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for frame in frames:
                pipeline.publish(frame.channel, frame.text)
            replies: Sequence[object] = await pipeline.execute(raise_on_error=False)
            return replies
