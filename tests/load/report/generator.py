"""Whether the generator was lean enough: one that is late or busy measures itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.load.numbers import Latency

MOST_LAG_MS: Final = 10.0
MOST_BUSY: Final = 0.9
"""Of a core."""


@dataclass(frozen=True, slots=True)
class Generator:
    """How the generator did."""

    lag_ms: Latency
    """How late it began what was intended."""
    busy: float
    """The share of a core that its busiest process used."""

    def caveats(self) -> Iterator[str]:
        """What makes the figures doubtful."""
        if self.lag_ms.p99 > MOST_LAG_MS:
            yield (
                f"THE GENERATOR WAS LATE: p99 {self.lag_ms.p99:.1f} ms behind the intended starts (at most "
                f"{MOST_LAG_MS:.0f} ms is good); latencies count from the intended starts, so they include it."
            )
        if self.busy > MOST_BUSY:
            yield (
                f"THE GENERATOR WAS BUSY: {self.busy:.0%} of a core in one process (at most {MOST_BUSY:.0%} is good); "
                "more of them (--workers), or a lower --rate, tell more about the service."
            )
