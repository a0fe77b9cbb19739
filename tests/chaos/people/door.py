"""The replicas, as a balancer shows them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from tests.chaos.people.rest import Pool

MOST_CALLS: Final = 32
"""At one replica at once.  Who comes then waits outside: more would wait inside until nobody wants the answer any
more, and a service that only answers those who have gone gets nothing done for anybody."""

REST_SECONDS: Final = 1.0
"""How long a replica that gave no answer is left alone."""

_MARGIN_SECONDS: Final = 0.05
"""Clocks of a loop are a little behind."""


class Door:
    """Shows everybody in to one of the replicas: half as many to one that gave no answer, one more for each answer."""

    def __init__(self, urls: Sequence[str], clock: Callable[[], float] = monotonic) -> None:
        self.urls = urls
        self.pools = [Pool(url) for url in urls]
        self._clock = clock
        self._rested_at = [0.0] * len(urls)
        self._most = [MOST_CALLS] * len(urls)
        self._calls = [0] * len(urls)
        self._outside: deque[asyncio.Future[None]] = deque()

    def choose(self, chance: random.Random, *, but: int | None = None) -> int:
        """One that answered when it was last asked, and another than *but*, if there is such a one."""
        return _other(self._rested() or range(len(self.urls)), but, chance)

    async def admit(self, chance: random.Random, *, but: int | None = None) -> int:
        """The same, and one that has room for a call, which ends with :meth:`release`."""
        if self._outside:
            await self._wait_outside(self._outside.append)
        while not (room := self._with_room()):
            await self._wait_outside(self._outside.appendleft)
        replica = _other(room, but, chance)
        self._calls[replica] += 1
        self._wave_in()
        return replica

    def release(self, replica: int) -> None:
        """The call has ended."""
        self._calls[replica] -= 1
        self._wave_in()

    def praise(self, replica: int) -> None:
        """It gave an answer."""
        self._most[replica] = min(self._most[replica] + 1, MOST_CALLS)

    def blame(self, replica: int) -> None:
        """It gave none."""
        self._most[replica] = max(self._most[replica] // 2, 1)
        self._rested_at[replica] = self._clock() + REST_SECONDS
        asyncio.get_running_loop().call_later(REST_SECONDS + _MARGIN_SECONDS, self._wave_in)

    def close(self) -> None:
        """Hang up."""
        for pool in self.pools:
            pool.close()

    def _rested(self) -> Sequence[int]:
        now = self._clock()
        return [replica for replica, moment in enumerate(self._rested_at) if moment <= now]

    def _with_room(self) -> Sequence[int]:
        return [replica for replica in self._rested() if self._calls[replica] < self._most[replica]]

    async def _wait_outside(self, queue: Callable[[asyncio.Future[None]], None]) -> None:
        turn = asyncio.get_running_loop().create_future()
        queue(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # had been waved in, and does not come
                self._wave_in()
            raise

    def _wave_in(self) -> None:
        """The next, if there is room; who comes in then waves in another one."""
        while self._outside and self._with_room():
            turn = self._outside.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _other(replicas: Sequence[int], but: int | None, chance: random.Random) -> int:
    return chance.choice([replica for replica in replicas if replica != but] or replicas)
