"""Reaching Redis: short timeouts, no hidden retries, and a rest after a failure."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import structlog
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from domain.errors import StoreUnavailable
from persistence.redis.cluster import connect_to_cluster, is_cluster
from persistence.redis.lines import Client, SharedLine
from persistence.seldom import Seldom

log = structlog.get_logger()

R = TypeVar("R")

TIMEOUT_SECONDS = 0.25
"""For connecting and for the answers: pairing goes on without Redis after that."""

LATE_SECONDS = TIMEOUT_SECONDS / 2
"""How late this process may be, and a timeout is Redis's."""

REST_SECONDS = 0.5
"""How long Redis is left alone after it failed: nobody waits for a timeout that the last one just had."""


def connect(url: str, *, connections: int = 32) -> Client:
    """A client for commands; it connects when it is first used, and retries nothing: our scripts run once."""
    return _client(url, connections, socket_timeout=TIMEOUT_SECONDS)


def connect_for_listening(url: str) -> Client:
    """A client for one subscription, whose silence is no failure; it reads bytes, as anybody may publish anything.

    In the older protocol: of the newer one redis-py writes every message out for a log that nobody keeps.
    """
    return _client(url, 2, socket_timeout=None, decode=False, protocol=2)


def _client(
    url: str, connections: int, socket_timeout: float | None, *, decode: bool = True, protocol: int = 3
) -> Client:
    options: dict[str, Any] = {
        "socket_timeout": socket_timeout,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "health_check_interval": 0,
        "decode_responses": decode,
        "protocol": protocol,
        "encoding_errors": "surrogateescape",  # what others wrote need be no text; it goes back as it came
        "client_name": "matching-service",
    }
    if is_cluster(url):
        return connect_to_cluster(url, connections=connections, timeout=TIMEOUT_SECONDS, **options)
    pool = BlockingConnectionPool.from_url(
        url, max_connections=connections, timeout=TIMEOUT_SECONDS, retry=Retry(NoBackoff(), 0), **options
    )
    # The URL chose among plain, TLS and Unix sockets.
    pool.connection_class = type("Line", (SharedLine, pool.connection_class), {})
    return cast("Client", Client.from_pool(pool))


class Reach:
    """Runs commands.  Raises :class:`~domain.errors.StoreUnavailable` when Redis is away or at rest."""

    def __init__(
        self, client: Client, *, failed: Callable[[str], None], own_lag: Callable[[], float] = lambda: 0.0
    ) -> None:
        """*own_lag* says how late this process was lately, in seconds."""
        self.client = client
        self._own_lag = own_lag
        self._is_forgiven = False
        self._failed = failed
        self._rests_until = 0.0
        self._may_say = Seldom()

    async def run(self, command: Callable[[], Awaitable[R]]) -> R:
        """The answer to *command*, which is called at once or not at all."""
        if time.monotonic() < self._rests_until:
            raise StoreUnavailable("redis")
        try:
            answer = await command()
        except (RedisError, OSError, TimeoutError) as error:
            self._begin_rest()
            self._failed("redis")
            if self._may_say():
                log.warning("redis is away", action="store_failed", store="redis", error=repr(error))
            raise StoreUnavailable("redis") from error
        self._is_forgiven = False
        return answer

    def _begin_rest(self) -> None:
        """Leave Redis alone; not yet where we were late ourselves, since it may have answered in time."""
        self._is_forgiven = not self._is_forgiven and self._own_lag() > LATE_SECONDS
        if not self._is_forgiven:
            self._rests_until = time.monotonic() + REST_SECONDS

    async def run_at(self, key: str, command: Callable[[], Awaitable[R]]) -> R:
        """The answer to *command* at *key*; what stands there and is not ours is deleted first."""
        return await self.run(lambda: self._cleared(key, command))

    async def _cleared(self, key: str, command: Callable[[], Awaitable[R]]) -> R:
        try:
            return await command()
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self.client.delete(key)
            return await command()

    async def is_up(self) -> bool:
        """Whether Redis answers."""
        try:
            await self.run(lambda: _ping(self.client))
        except StoreUnavailable:
            return False
        return True


async def _ping(client: Client) -> Any:
    return await client.ping()
