"""Whether this process should get traffic, found out at most twice a second."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from messaging.rabbitmq import RabbitPublisher, UnconfiguredPublisher
from service.stores import Stores
from web.readiness import OK, Readiness

REMEMBERED_SECONDS: Final = 0.5


class ReadinessProbe:
    """What the stores answer; it counts for half a second, however many ask."""

    def __init__(self, stores: Stores, broker: RabbitPublisher | UnconfiguredPublisher) -> None:
        self._stores = stores
        self._broker = broker
        self._is_draining = False
        self._known: tuple[float, Readiness] | None = None
        self._asking = asyncio.Lock()

    def drain(self) -> None:
        """From now on the answer is no: this process is on its way out."""
        self._is_draining = True
        self._known = None

    async def __call__(self) -> Readiness:
        """PostgreSQL is a must, the rest is not; what is away is named."""
        async with self._asking:
            now = time.monotonic()
            if self._known is None or now - self._known[0] > REMEMBERED_SECONDS:
                self._known = now, await self._find_out()
            return self._known[1]

    async def _find_out(self) -> Readiness:
        postgres, redis = await asyncio.gather(self._stores.database.is_up(), self._stores.redis.is_up())
        states = {"postgres": _state(up=postgres), "redis": _state(up=redis), "rabbitmq": self._broker_state()}
        troubles = {"postgres": not postgres, "draining": self._is_draining}
        return Readiness(dependencies=states, failing=tuple(name for name, is_so in troubles.items() if is_so))

    def _broker_state(self) -> str:
        if isinstance(self._broker, UnconfiguredPublisher):
            return "not configured"
        return _state(up=self._broker.connected)


def _state(*, up: bool) -> str:
    return OK if up else "away"
