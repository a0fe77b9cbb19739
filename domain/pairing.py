"""Who goes with whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from domain.ids import UserId
from domain.match import Match
from domain.request import Waiting
from domain.session import Question


@dataclass(frozen=True, slots=True)
class Pair:
    """Two to be asked, the one who waits longer first."""

    first: Waiting
    second: Waiting
    again: bool = False
    """Whether they just failed together, and nobody else is there."""
    question: Question | None = None
    """What they are to work on, where that is known so early."""

    def __iter__(self) -> Iterator[Waiting]:
        """Both."""
        yield self.first
        yield self.second


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a proposal."""

    matches: Sequence[Match]
    """The pairs that hold: committed, their people asked from now on."""
    free: Sequence[Waiting]
    """Those proposed who are pending and unpaired, with whom to avoid."""
    held: Collection[UserId]
    """Those proposed who are pending, but in another replica's hands at this moment."""


def pair_up(waiting: Sequence[Waiting], *, everyone: bool) -> list[Pair]:
    """Pair *waiting*, oldest first: nobody with themselves, nobody with whom they just failed.

    Args:
        waiting: one bucket's head, oldest first, each user at most once.
        everyone: whether this is the whole bucket.  Only then two who just failed together may meet
            again, and only when nobody else is left for either.
    """
    pairs: list[Pair] = []
    alone: list[Waiting] = []
    for one in waiting:
        partner = next((other for other in alone if _may_meet(other, one)), None)
        if partner is None:
            alone.append(one)
        else:
            alone.remove(partner)
            pairs.append(Pair(partner, one))
    if everyone:
        pairs += [Pair(one, other, again=True) for one, other in zip(alone[::2], alone[1::2], strict=False)]
    return pairs


def _may_meet(one: Waiting, other: Waiting) -> bool:
    return one.user_id not in (other.user_id, other.avoid) and one.avoid != other.user_id
