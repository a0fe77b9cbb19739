"""Everything a user decides, decided before it arrives: the same seed makes the same crowd.

What the service does is not in here, so a user may never come to a decision it has taken.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self, TypeVar

from tests.chaos.people.strangers import TRIED

Bucket = tuple[str, str]
"""Difficulty and topic."""

BUCKETS: Final[Sequence[Bucket]] = [
    (difficulty, topic)
    for topic in ("Array", "Dynamic Programming", "Graphs", "C++ & templates")
    for difficulty in ("easy", "medium", "hard")
]
_DRAWS: Final = (24, 16, 12, 10, 8, 7, 6, 5, 4, 4, 2, 2)
"""In the first buckets somebody always waits, in the last seldom."""

MATCHES: Final = 8
"""To how many matches of a search an answer is ready; the last one serves for all others."""


class Mood(StrEnum):
    """How a match is answered."""

    CONFIRM = "confirm"
    HESITATE = "hesitate"
    """Confirm after a pause."""
    DECLINE = "decline"
    IGNORE = "ignore"
    CANCEL = "cancel"
    """Cancel the request instead."""


_MOODS: Final = {Mood.CONFIRM: 70, Mood.HESITATE: 19, Mood.DECLINE: 5, Mood.IGNORE: 3, Mood.CANCEL: 3}


class Stage(StrEnum):
    """When a user changes to another replica."""

    SEARCHING = "searching"
    MATCHED = "matched"
    IN_SESSION = "in_session"


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One search, and the session it may lead to."""

    bucket: Bucket
    asks_again_for: Bucket | None
    """While it waits; the same bucket, or another."""
    cancels_after: float | None
    """Seconds after the request, if it is not matched by then."""
    moods: Sequence[tuple[Mood, float]]
    """For each match; the seconds are the hesitation."""
    changes_replica: Stage | None
    stays: float
    """Seconds in the session."""
    leaves: int
    """How often it says so; a tab that is just closed says nothing."""

    @classmethod
    def of(cls, chance: random.Random) -> Self:
        """The next round."""
        bucket, other = chance.choices(BUCKETS, _DRAWS, k=2)
        return cls(
            bucket=bucket,
            asks_again_for=_sometimes(chance, 0.15, chance.choice((bucket, other))),
            cancels_after=_sometimes(chance, 0.04, chance.uniform(0, 0.5)),
            moods=[
                (mood, chance.uniform(0, 2)) for mood in chance.choices(list(_MOODS), list(_MOODS.values()), k=MATCHES)
            ],
            changes_replica=_sometimes(chance, 0.1, chance.choice(list(Stage))),
            stays=chance.uniform(0, 3),
            leaves=chance.choices((0, 1, 2), (10, 65, 25))[0],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """One user."""

    user_id: str
    tabs: int
    """Browser tabs with a socket; without any it only polls."""
    poll_seconds: float
    """How often it asks, without news."""
    copies: int
    """How often it sends each write, at once."""
    pries: Sequence[str]
    """What it tries with ids of others; see :data:`~tests.chaos.people.strangers.TRIED`."""
    rounds: Sequence[Round]

    @classmethod
    def of(cls, seed: int, number: int) -> Self:
        """User *number* of the crowd of *seed*."""
        chance = random.Random(f"{seed}-{number}")
        tabs = chance.choices((0, 1, 2), (15, 75, 10))[0]
        return cls(
            user_id=f"u{seed}-{number}",
            tabs=tabs,
            poll_seconds=chance.choice((1.0, 3.0)) if tabs else chance.uniform(0.4, 1.0),
            copies=3 if chance.random() < 0.1 else 1,
            pries=_sometimes(chance, 0.08, chance.sample(list(TRIED), 3)) or (),
            rounds=[Round.of(chance) for _ in range(chance.choices((1, 2, 3), (60, 30, 10))[0])],
        )


def _sometimes(chance: random.Random, share: float, what: _T) -> _T | None:
    return what if chance.random() < share else None
