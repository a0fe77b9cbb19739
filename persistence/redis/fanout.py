"""Frames between replicas: a channel per connected user."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis.keys import frames_channel
from persistence.redis.publishing import Publisher
from persistence.seldom import Seldom

log = structlog.get_logger()

SILENCE_SECONDS = 5.0
"""After so long without a message the connection is checked."""

ANSWER_SECONDS = 1.0
"""How long a connection may take to be made, or to answer after the silence."""

RECONNECT_SECONDS = 0.5

SUBSCRIBE_SECONDS = 0.25
"""How long a new socket waits for its subscription before it does without."""

MOST_AT_ONCE = 20
"""How many users are brought up to date at the same time."""

_PREFIX = len(frames_channel(UserId("")))
_FRAME = re.compile(r"([0-9a-f]{8})(.+)", re.DOTALL)
"""Which replica it comes from, and what it says."""


class RedisFanout:
    """Passes frames to the replicas that hold the user's sockets.  Nobody waits for it.

    While Redis is away frames reach this replica's own sockets, and are kept a while for the others.
    Whoever was connected here without being heard of is brought up to date as soon as new frames arrive.
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
        """*subscriber* is a client made for listening; *catch_up* tells a user how things stand."""
        self._publisher = Publisher(publisher, failed=failed)
        self._subscriber = subscriber
        self._deliver = deliver
        self._catch_up = catch_up
        self._origin = secrets.token_hex(4)
        self._users: dict[UserId, asyncio.Event] = {}
        self._behind: set[UserId] = set()
        self._to_catch_up: asyncio.Queue[UserId] = asyncio.Queue()
        self._changed: set[UserId] = set()
        self._has_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._may_say_away = Seldom()
        self._may_say_foreign = Seldom()

    async def open(self) -> None:
        """Start publishing and listening; Redis need not be there yet."""
        catching_up = [self._catch_up_for_ever() for _ in range(MOST_AT_ONCE)]
        work = [self._publisher.run(), self._listen_for_ever(), *catching_up]
        self._tasks = [asyncio.create_task(one) for one in work]

    async def close(self) -> None:
        """Stop both; what is still to be published goes first, if that is quick."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._publisher.finish()

    def publish(self, user_id: UserId, text: str) -> None:
        """Pass *text* on, soon."""
        self._publisher.publish(frames_channel(user_id), self._origin + text)

    async def subscribe(self, user_id: UserId) -> None:
        """Listen for the frames of a user who has connected here; returns once they arrive, or soon."""
        listening = self._users.get(user_id)
        if listening is None:
            listening = self._users[user_id] = asyncio.Event()
            self._change(user_id)
        try:
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await listening.wait()
        except TimeoutError:
            if self._users.get(user_id) is listening and not listening.is_set():
                self._behind.add(user_id)

    def unsubscribe(self, user_id: UserId) -> None:
        """The user's last socket here is gone."""
        if self._users.pop(user_id, None) is not None:
            self._behind.discard(user_id)
            self._change(user_id)

    def _change(self, user_id: UserId) -> None:
        self._changed.add(user_id)
        self._has_changed.set()

    # -- listening -------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with self._subscriber.pubsub() as pubsub:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await pubsub.connect()
                    async with asyncio.TaskGroup() as both:
                        both.create_task(self._keep_subscribed(pubsub))
                        both.create_task(self._listen(pubsub))
            except* (RedisError, OSError, TimeoutError) as errors:
                if self._may_say_away():
                    error = repr(errors.exceptions[0])
                    log.warning("not listening to other replicas", action="fanout_failed", error=error)
            except* Exception:
                log.exception("not listening to other replicas", action="fanout_failed")
            for user_id, listening in self._users.items():
                if listening.is_set():
                    listening.clear()
                    self._behind.add(user_id)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _keep_subscribed(self, pubsub: PubSub) -> None:
        self._changed = set(self._users)
        while True:
            changed, self._changed = self._changed, set()
            joined = [frames_channel(user_id) for user_id in changed if user_id in self._users]
            left = [frames_channel(user_id) for user_id in changed if user_id not in self._users]
            if joined:
                await pubsub.subscribe(*joined)
            if left:
                await pubsub.unsubscribe(*left)
            await self._has_changed.wait()
            self._has_changed.clear()

    async def _listen(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await pubsub.ping()
                message = await pubsub.get_message(timeout=SILENCE_SECONDS + ANSWER_SECONDS)
            if message is None:
                raise TimeoutError("neither a message nor a pong")
            self._receive(message)

    def _receive(self, message: Mapping[str, Any]) -> None:
        if message["type"] not in ("subscribe", "message"):
            return
        user_id = UserId(message["channel"][_PREFIX:].decode())
        if message["type"] == "subscribe":
            self._arrives(user_id)
        elif (frame := _frame_in(message["data"])) is None:
            if self._may_say_foreign():
                log.warning("a message that is not ours was dropped", action="fanout_foreign")
        elif frame[1] != self._origin:
            self._deliver(user_id, frame[2])

    def _arrives(self, user_id: UserId) -> None:
        """From now on frames for the user do; some may have got lost on the way."""
        if listening := self._users.get(user_id):
            listening.set()
            if user_id in self._behind:
                self._behind.discard(user_id)
                self._to_catch_up.put_nowait(user_id)

    async def _catch_up_for_ever(self) -> None:
        while True:
            user_id = await self._to_catch_up.get()
            if user_id not in self._users:
                continue
            try:
                await self._catch_up(user_id)
            except StoreUnavailable:
                self._to_catch_up.put_nowait(user_id)
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:
                log.exception("a user was not brought up to date", action="fanout_failed")
                await asyncio.sleep(RECONNECT_SECONDS)


def _frame_in(data: bytes) -> re.Match[str] | None:
    try:
        return _FRAME.fullmatch(data.decode())
    except UnicodeDecodeError:
        return None
