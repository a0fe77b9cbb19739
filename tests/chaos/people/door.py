"""The replicas, as a balancer shows them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

from tests.chaos.people.rest import Pool

REST_SECONDS: Final = 1.0
"""How long a replica that gave no answer is passed over, while another one is there."""


class Door:
    """Shows everybody in to one of the replicas."""

    def __init__(self, urls: Sequence[str], clock: Callable[[], float] = monotonic) -> None:
        self.urls = urls
        self.pools = [Pool(url) for url in urls]
        self._clock = clock
        self._rested_at = [0.0] * len(urls)

    def choose(self, chance: random.Random, *, but: int | None = None) -> int:
        """One that answered when it was last asked, and another than *but*, if there is such a one."""
        everyone = range(len(self.urls))
        now = self._clock()
        well = [replica for replica in everyone if self._rested_at[replica] <= now] or list(everyone)
        return chance.choice([replica for replica in well if replica != but] or well)

    def blame(self, replica: int) -> None:
        """It gave no answer: others first, for a while."""
        self._rested_at[replica] = self._clock() + REST_SECONDS

    def close(self) -> None:
        """Hang up."""
        for pool in self.pools:
            pool.close()
