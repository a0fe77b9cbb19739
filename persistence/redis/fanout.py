"""Frames between replicas: one channel that every replica listens to."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.redis.keys import FRAMES_CHANNEL
from persistence.redis.lines import Client
from persistence.redis.publishing import CATCH_UP, Frame, Publisher, frames_in
from persistence.seldom import Seldom

log = structlog.get_logger()

SILENCE_SECONDS = 5.0
"""After so long without a message the connection is checked."""

ANSWER_SECONDS = 1.0
"""How long a connection may take to be made; an answer after the silence may take as long again as the silence."""

RECONNECT_SECONDS = 0.5

SUBSCRIBE_SECONDS = 0.25
"""How long a new socket waits for the channel before it does without."""

MOST_AT_ONCE = 20
"""How many users are brought up to date at the same time."""


class RedisFanout:
    """Passes frames to the replicas that hold the user's sockets.  Nobody waits for it.

    While Redis is away frames reach this replica's own sockets, and are kept a while for the others.
    Whoever was connected here without being heard of is brought up to date as soon as new frames arrive, and so is
    whoever is told something late.
    """

    def __init__(
        self,
        *,
        publisher: Client,
        subscriber: Client,
        deliver: Callable[[UserId, str], None],
        catch_up: Callable[[UserId], Awaitable[None]],
        failed: Callable[[str], None],
    ) -> None:
        """*subscriber* is a client made for listening; *catch_up* tells a user how things stand."""
        self._origin = secrets.token_hex(4)
        self._publisher = Publisher(publisher, origin=self._origin, failed=failed)
        self._subscriber = subscriber
        self._deliver = deliver
        self._catch_up = catch_up
        self._users: set[UserId] = set()
        self._hears = asyncio.Event()
        self._behind: set[UserId] = set()
        self._to_catch_up: asyncio.Queue[UserId] = asyncio.Queue()
        self._due: set[UserId] = set()  # who is in that queue: nobody twice, however often Redis comes and goes
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
        self._publisher.publish(Frame(user_id, text))

    async def subscribe(self, user_id: UserId) -> None:
        """Take in the frames of a user who has connected here; returns once they arrive, or soon."""
        self._users.add(user_id)
        if self._hears.is_set():
            return
        try:
            async with asyncio.timeout(SUBSCRIBE_SECONDS):
                await self._hears.wait()
        except TimeoutError:
            if user_id in self._users and not self._hears.is_set():
                self._behind.add(user_id)

    def unsubscribe(self, user_id: UserId) -> None:
        """The user's last socket here is gone."""
        self._users.discard(user_id)
        self._behind.discard(user_id)

    # -- listening -------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                async with self._subscriber.pubsub() as pubsub:
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await self._subscriber.initialize()  # of a cluster: learn the nodes
                        await pubsub.subscribe(FRAMES_CHANNEL)
                    await self._listen(pubsub)
            except (RedisError, OSError, TimeoutError) as error:
                if self._may_say_away():
                    log.warning("not listening to other replicas", action="fanout_failed", error=repr(error))
            except Exception:
                log.exception("not listening to other replicas", action="fanout_failed")
            if self._hears.is_set():
                self._hears.clear()
                self._behind |= self._users
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._subscriber.aclose()  # a cluster may have other nodes by now
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self, pubsub: PubSub) -> None:
        while True:
            message = await _next_message(pubsub, SILENCE_SECONDS)
            if message is None:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await pubsub.ping()
                message = await _next_message(pubsub, SILENCE_SECONDS + ANSWER_SECONDS)
            if message is None:
                raise TimeoutError("neither a message nor a pong")
            self._receive(message)

    def _receive(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                self._arrives()
            case "message" if not message["data"].startswith(self._origin.encode()):
                self._pass_on(frames_in(message["data"]))
            case _:
                pass

    def _arrives(self) -> None:
        """From now on frames are heard; some may have got lost on the way."""
        self._hears.set()
        self._bring_up_to_date(self._behind)
        self._behind.clear()

    def _bring_up_to_date(self, users: AbstractSet[UserId]) -> None:
        for user_id in users - self._due:
            self._due.add(user_id)
            self._to_catch_up.put_nowait(user_id)

    def _pass_on(self, frames: Sequence[Frame] | None) -> None:
        if frames is None:
            if self._may_say_foreign():
                log.warning("a message that is not ours was dropped", action="fanout_foreign")
            return
        for user_id, text in frames:
            if user_id not in self._users:
                continue
            if text == CATCH_UP:
                self._bring_up_to_date({user_id})
            else:
                self._deliver(user_id, text)

    async def _catch_up_for_ever(self) -> None:
        while True:
            user_id = await self._to_catch_up.get()
            self._due.discard(user_id)
            if user_id not in self._users:
                continue
            try:
                await self._catch_up(user_id)
            except StoreUnavailable:
                self._bring_up_to_date({user_id})
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:
                log.exception("a user was not brought up to date", action="fanout_failed")
                await asyncio.sleep(RECONNECT_SECONDS)


async def _next_message(pubsub: PubSub, seconds: float) -> Mapping[str, Any] | None:
    """What comes next; None when nothing has come after so many *seconds*.

    At the end of a connection redis-py makes another one by itself, and would wait for its answers for ever.
    """
    async with asyncio.timeout(seconds + ANSWER_SECONDS):
        message: Mapping[str, Any] | None = await pubsub.get_message(timeout=seconds)
        return message
