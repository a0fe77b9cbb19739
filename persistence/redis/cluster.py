"""Redis Cluster: the same commands, each at the node that owns its key."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from redis.asyncio import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, SlotNotCoveredError

from persistence.redis.lines import Client, Line

SUFFIX: Final = "+cluster"
"""Of the scheme: ``redis+cluster://`` and, with TLS, ``rediss+cluster://``."""


def is_cluster(url: str) -> bool:
    """Whether *url* names a node of a cluster, of which the others are learnt."""
    return url.partition("://")[0].endswith(SUFFIX)


def node_url(url: str) -> str:
    """*url* as a client of that one node wants it."""
    return url.replace(f"{SUFFIX}://", "://", 1)


def connect_to_cluster(url: str, *, connections: int, timeout: float, **options: Any) -> Client:
    """A client that waits *timeout* seconds at most for one of *connections* turns; with the methods of any other."""
    options["require_full_coverage"] = False  # what is left of a cluster serves the keys that it has
    options["reinitialize_steps"] = 0  # every fifth key that has moved would cut off whoever waits for an answer
    options["retry"] = Retry(NoBackoff(), 0)
    client = cast("Cluster", Cluster.from_url(node_url(url), max_connections=connections, **options))
    client.wait_for_turns(connections, timeout)
    client.speak_over_lines()
    return cast("Client", client)


class Cluster(RedisCluster):
    """Raises what a client of one node raises; who comes when all connections are in use waits instead of failing."""

    def wait_for_turns(self, number: int, seconds: float) -> None:
        self._turns = asyncio.Semaphore(number)
        self._patience = seconds

    def speak_over_lines(self) -> None:
        """Make connections of our kind, with TLS where the URL asks for it."""
        kind = self.connection_kwargs["connection_class"]
        self.connection_kwargs["connection_class"] = mixed = type("Line", (Line, kind), {})
        for node in self.startup_nodes:
            node.connection_class = mixed

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> RedisCluster:
        """Learn which nodes there are, if that is not known (any more)."""
        try:
            return await super().initialize(additional_startup_nodes_info, last_failed_node_name)
        except RedisClusterException as error:  # is no RedisError, though it says that no node answers
            raise RedisConnectionError(str(error)) from error

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Its answer.  Moved keys are followed; what failed is not tried again."""
        async with asyncio.timeout(self._patience):
            await self._turns.acquire()
        try:
            async with asyncio.timeout(self._patience):
                await self.initialize()  # whoever comes before it is known where keys are is sent anywhere
            return await super().execute_command(*arguments, **options)
        except SlotNotCoveredError as error:  # likewise: nobody has the key
            raise RedisConnectionError(str(error)) from error
        finally:
            self._turns.release()

    async def at_leisure(self, *arguments: Any) -> Any:
        """The same."""
        return await self.execute_command(*arguments)
