"""What a process of the crowd is told, as one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Self

from tests.chaos.plan import ChaosPlan

SLACK_SECONDS: Final = 5.0
"""What a search may take beyond all that is timed by the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The part of one process among several."""

    number: int
    of: int
    """Users are dealt out in turn."""
    seed: int
    seconds: float
    rate: float
    """Arrivals in a second, of all processes together."""
    patience_seconds: float
    most: int
    """How many users of this process may be there at once."""
    urls: Sequence[str]
    folder: str

    @classmethod
    def deal(cls, plan: ChaosPlan, urls: Sequence[str], folder: str, *, most: int, of: int) -> list[Self]:
        """Everybody's part of *plan*; *most* users at once in all."""
        patience = plan.search_seconds + plan.confirm_seconds + plan.session_budget_seconds + SLACK_SECONDS
        return [
            cls(
                number=number,
                of=of,
                seed=plan.seed,
                seconds=plan.seconds,
                rate=plan.rate,
                patience_seconds=patience,
                most=most // of,
                urls=list(urls),
                folder=folder,
            )
            for number in range(of)
        ]

    @classmethod
    def read(cls, line: bytes) -> Self:
        """From what :meth:`line` made."""
        return cls(**json.loads(line))

    def line(self) -> bytes:
        """For stdin."""
        return json.dumps(asdict(self)).encode() + b"\n"
