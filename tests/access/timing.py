"""Whether two ways to be refused can be told apart by the clock."""

from __future__ import annotations

import bisect
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

ROUNDS: Final = 200
CONTROLS: Final = 3
"""How often an unknown id is asked for in each round."""

TELLING: Final = 0.12
"""Five standard deviations of :func:`superiority` with so many rounds: noise does not get there.

Fetching somebody else's row and looking at it in Python, 40 us of 600, gets to 0.15 and more.
"""

Ask = Callable[[str], Awaitable[int]]
"""Ask for an id: the nanoseconds that it took."""


def superiority(some: Sequence[int], others: Sequence[int]) -> float:
    """How likely it is that one of *some* is larger than one of *others*; 0.5 when nothing tells them apart."""
    ordered = sorted(others)
    wins = sum(bisect.bisect_left(ordered, one) + bisect.bisect_right(ordered, one) for one in some)
    return wins / (2 * len(some) * len(ordered))


async def telling(ask: Ask, known: Mapping[str, str], unknown: str) -> dict[str, float]:
    """By name, those of *known* that are answered faster or slower than *unknown*, and how clearly.

    All are asked in turn, in an order that changes, so that whatever else the machine does meets all alike.  What
    can be told apart is measured once more: a difference that is there comes back, a hiccup does not.
    """
    suspects = await _measured(ask, known, unknown)
    if not suspects:
        return {}
    return await _measured(ask, {name: known[name] for name in suspects}, unknown)


async def _measured(ask: Ask, known: Mapping[str, str], unknown: str) -> dict[str, float]:
    control = "an id that does not exist"
    times: dict[str, list[int]] = {name: [] for name in (*known, control)}
    turns = [*known.items(), *[(control, unknown)] * CONTROLS]
    for _ in range(ROUNDS):
        random.shuffle(turns)
        for name, one in turns:
            times[name].append(await ask(one))
    found = {name: superiority(times[name], times[control]) - 0.5 for name in known}
    return {name: round(by, 3) for name, by in found.items() if abs(by) > TELLING}
