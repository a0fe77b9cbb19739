"""Frames between replicas: a channel per connected user."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence

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

SUBSCRIBE_SECONDS = 0.25
"""How long a new socket waits for its subscription before it does without."""

_PREFIX = len(frames_channel(UserId("")))


class RedisFanout:
    """Passes frames to the replicas that hold the user's sockets.  Nobody waits for it.

    While Redis is away frames reach this replica's own sockets only.  Once it is back, everybody connected
    here is brought up to date.
    """

    def __init__(
        self,
        *,
        publisher: Redis,
        subscriber: Redis,
        deliver: Callable[[UserId, str], None],
        catch_up: Callable[[UserId], Awaitable[None]],
        failed: Callable[[str], None],
    ) -> None:
        """*subscriber* must be a client without a socket timeout; *catch_up* tells a user how things stand."""
        self._publisher = publisher
        self._subscriber = subscriber
        self._pubsub: PubSub | None = None
        self._deliver = deliver
        self._catch_up = catch_up
        self._failed = failed
        self._origin = secrets.token_hex(4)
        self._users: dict[UserId, asyncio.Event] = {}
        self._to_publish: list[tuple[str, str]] = []
        self._changed: list[UserId] = []
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

    def publish(self, user_id: UserId, text: str) -> None:
        """Pass *text* on, soon."""
        self._to_publish.append((frames_channel(user_id), self._origin + text))
        del self._to_publish[:-MOST_WAITING]
        self._work.set()

    async def subscribe(self, user_id: UserId) -> None:
        """Listen for the frames of a user who has connected here; returns once they arrive, or soon."""
        listening = self._users.get(user_id)
        if listening is None:
            listening = self._users[user_id] = asyncio.Event()
            self._changed.append(user_id)
            self._work.set()
        if not listening.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBE_SECONDS):
                    await listening.wait()

    def unsubscribe(self, user_id: UserId) -> None:
        """The user's last socket here is gone."""
        if self._users.pop(user_id, None) is not None:
            self._changed.append(user_id)
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
                self._subscribe_all()

    async def _send_subscriptions(self) -> None:
        changed, self._changed = dict.fromkeys(self._changed), []
        if self._pubsub is None:
            return  # the next connection begins with everybody
        joined = [frames_channel(user_id) for user_id in changed if user_id in self._users]
        left = [frames_channel(user_id) for user_id in changed if user_id not in self._users]
        if joined:
            await self._pubsub.subscribe(*joined)
        if left:
            await self._pubsub.unsubscribe(*left)

    async def _send_frames(self) -> None:
        frames, self._to_publish = self._to_publish, []
        if not frames:
            return
        try:
            async with self._publisher.pipeline(transaction=False) as pipeline:
                for channel, text in frames:
                    pipeline.publish(channel, text)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            if self._pubsub is not None:  # Redis is there, only slow: frames that come twice are heard once
                self._to_publish = frames + self._to_publish
            raise

    # -- listening -------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        missed: list[UserId] = []
        while True:
            catching_up: asyncio.Task[None] | None = None
            try:
                async with self._subscriber.pubsub() as pubsub:
                    await pubsub.connect()
                    self._pubsub = pubsub
                    self._subscribe_all()
                    catching_up = asyncio.create_task(self._tell_what_was_missed(missed))
                    await self._listen(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("not listening to other replicas", action="fanout_failed", error=repr(error))
            finally:
                if catching_up is not None:
                    catching_up.cancel()
            self._pubsub = None
            missed = list(self._users)
            for listening in self._users.values():
                listening.clear()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _tell_what_was_missed(self, users: Sequence[UserId]) -> None:
        """Frames for *users* got lost on the way; each is told how things stand as soon as new ones arrive."""
        for user_id in users:
            if user_id in self._users:
                await self.subscribe(user_id)
                await self._catch_up(user_id)

    def _subscribe_all(self) -> None:
        self._changed += self._users
        self._work.set()

    async def _listen(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is not None:
                self._receive(message["type"], message["channel"], message["data"])
            else:
                async with asyncio.timeout(1.0):
                    await pubsub.ping()

    def _receive(self, kind: str, channel: str, data: str) -> None:
        user_id = UserId(channel[_PREFIX:]) if channel else UserId("")
        if kind == "subscribe" and (listening := self._users.get(user_id)):
            listening.set()
        elif kind == "message" and not data.startswith(self._origin):
            self._deliver(user_id, data[len(self._origin) :])
