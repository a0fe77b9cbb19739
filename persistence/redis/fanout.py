"""Frames between replicas: a channel per connected user."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from domain.ids import UserId
from persistence.redis.keys import frames_channel

log = structlog.get_logger()

MOST_WAITING = 10_000
"""Frames kept for publishing; beyond that the oldest are dropped, and clients learn by their next read."""

SILENCE_SECONDS = 5.0
"""After so long without a message the connection is checked."""

RECONNECT_SECONDS = 0.5

_PREFIX = len(frames_channel(UserId("")))


class RedisFanout:
    """Passes frames to the replicas that hold the user's sockets.  Nobody waits for it.

    While Redis is away frames reach this replica's own sockets only; ``reconnected`` is called after a gap.
    """

    def __init__(
        self,
        *,
        publisher: Redis,
        subscriber: Redis,
        deliver: Callable[[UserId, str], None],
        reconnected: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        """*subscriber* must be a client without a socket timeout."""
        self._publisher = publisher
        self._pubsub: PubSub = subscriber.pubsub(ignore_subscribe_messages=True)
        self._deliver = deliver
        self._reconnected = reconnected
        self._failed = failed
        self._origin = secrets.token_hex(4)
        self._users: set[UserId] = set()
        self._to_publish: list[tuple[str, str]] = []
        self._to_subscribe: dict[UserId, bool] = {}
        self._work = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Start publishing and listening; Redis need not be there yet."""
        self._tasks = [asyncio.create_task(self._publish_for_ever()), asyncio.create_task(self._listen_for_ever())]

    async def close(self) -> None:
        """Stop both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    def publish(self, user_id: UserId, text: str) -> None:
        """Pass *text* on, soon."""
        self._to_publish.append((frames_channel(user_id), self._origin + text))
        del self._to_publish[:-MOST_WAITING]
        self._work.set()

    def subscribe(self, user_id: UserId) -> None:
        """Listen for the frames of a user who has connected here."""
        self._users.add(user_id)
        self._to_subscribe[user_id] = True
        self._work.set()

    def unsubscribe(self, user_id: UserId) -> None:
        """The user's last socket here is gone."""
        self._users.discard(user_id)
        self._to_subscribe[user_id] = False
        self._work.set()

    # -- sending ---------------------------------------------------------------------------------

    async def _publish_for_ever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self._send_subscriptions()
                await self._send_frames()
            except (RedisError, OSError, TimeoutError) as error:
                self._failed("redis")
                log.warning("frames stay on this replica", action="fanout_failed", error=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _send_subscriptions(self) -> None:
        wanted, self._to_subscribe = self._to_subscribe, {}
        joined = [frames_channel(user_id) for user_id, joins in wanted.items() if joins and user_id in self._users]
        left = [frames_channel(user_id) for user_id, joins in wanted.items() if not joins and user_id not in self._users]
        if joined:
            await self._pubsub.subscribe(*joined)
        if left:
            await self._pubsub.unsubscribe(*left)

    async def _send_frames(self) -> None:
        frames, self._to_publish = self._to_publish, []
        if frames:
            async with self._publisher.pipeline(transaction=False) as pipeline:
                for channel, text in frames:
                    pipeline.publish(channel, text)
                await pipeline.execute()

    # -- listening -------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("not listening to other replicas", action="fanout_failed", error=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)
                self._to_subscribe = dict.fromkeys(self._users, True)
                self._work.set()
                self._reconnected()

    async def _listen(self) -> None:
        while True:
            message = await self._pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is not None:
                self._receive(message["channel"], message["data"])
            elif self._users:
                async with asyncio.timeout(1.0):
                    await self._pubsub.ping()

    def _receive(self, channel: str, data: str) -> None:
        origin, text = data[: len(self._origin)], data[len(self._origin) :]
        if origin != self._origin:
            self._deliver(UserId(channel[_PREFIX:]), text)
