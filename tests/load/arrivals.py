"""When users come."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from enum import StrEnum


class Arrival(StrEnum):
    """How users come."""

    BURST = "burst"
    """All at once."""
    POISSON = "poisson"
    """At random moments, so many a second."""
    RAMP = "ramp"
    """Ever faster: nobody at first, so many a second at the end."""

    def moments(self, users: int, rate: float, seed: int) -> Iterator[float]:
        """Seconds from the start, one for each user, for a *rate* of users a second."""
        match self:
            case Arrival.BURST:
                return (0.0 for _ in range(users))
            case Arrival.POISSON:
                return _poisson(users, rate, seed)
            case Arrival.RAMP:
                seconds = 2 * users / rate
                return (seconds * math.sqrt(number / users) for number in range(users))

    def users(self, rate: float, seconds: float) -> int:
        """How many come in so many seconds: in a ramp half as many as at the full rate."""
        return max(2, round(rate * seconds * (0.5 if self is Arrival.RAMP else 1.0)))


def _poisson(users: int, rate: float, seed: int) -> Iterator[float]:
    chance, moment = random.Random(seed), 0.0
    for _ in range(users):
        yield moment
        moment += chance.expovariate(rate)
