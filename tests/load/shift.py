"""What generator processes are told, and what they tell: one JSON object a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from tests.load.user import User

STEPS: Final = ("connect", "request", "found", "confirm", "ready", "flow")
DIFFICULTIES: Final = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One generator's part of a phase."""

    name: str
    """Different for every worker and phase: user ids begin with it."""
    start: float
    """The intended moment of the first pair, by the machine's monotonic clock."""
    pairs: int
    interval: float
    """Seconds between two pairs of this worker."""
    gap: float
    """Seconds between the two of a pair."""
    replicas: Sequence[str]
    buckets: Sequence[tuple[str, str]]
    """Difficulty and topic; no other worker uses the same, so partners always meet in one process."""

    def arrivals(self) -> Iterator[float]:
        """The intended moment of each pair."""
        return (self.start + number * self.interval for number in range(self.pairs))


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of one or several shifts."""

    users: int = 0
    matches: int = 0
    requests: int = 0
    ended: float = 0.0
    """When the last user was done, by the machine's monotonic clock."""
    seconds: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    moments: list[float] = field(default_factory=list)
    """When each flow ended, in the order of their latencies."""
    lag: list[float] = field(default_factory=list)
    """How late each user began, in seconds."""
    busy: float = 0.0
    """The share of a core that the busiest generator process used."""
    errors: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, users: Sequence[User], ended: float) -> Self:
        """The latencies of each user alone and of each match, and every error."""
        tally = cls(users=len(users), ended=ended)
        by_match: dict[str, list[User]] = {}
        for user in users:
            tally.requests += user.requests
            tally.lag.append(user.times.began - user.times.arrived)
            tally._count_alone(user)
            if user.match_id:
                by_match.setdefault(user.match_id, []).append(user)
        for both in by_match.values():
            tally._count_together(both)
        return tally

    def _count_alone(self, user: User) -> None:
        times = user.times
        if user.error:
            self.errors[user.error] += 1
        if times.connected:
            self.seconds["connect"].append(times.connected - times.arrived)
        if times.answered:
            self.seconds["request"].append(times.answered - times.asked)
        if times.noted:
            self.seconds["confirm"].append(times.noted - times.said_yes)

    def _count_together(self, both: Sequence[User]) -> None:
        if len(both) != 2 or len({user.session_id for user in both}) != 1:
            self.errors["the two of a match disagree"] += 1
            return
        times = [user.times for user in both]
        if all(one.found for one in times):
            self.seconds["found"].append(max(one.found for one in times) - max(one.asked for one in times))
        if all(one.ready for one in times):
            self.matches += 1
            ready = max(one.ready for one in times)
            self.seconds["ready"].append(ready - max(one.said_yes for one in times))
            self.seconds["flow"].append(ready - max(one.arrived for one in times))
            self.moments.append(ready)

    @classmethod
    def read(cls, message: dict[str, Any]) -> Self:
        """A tally from its JSON."""
        return cls(**{**message, "errors": Counter(message["errors"])})

    def as_json(self) -> dict[str, Any]:
        """The tally for another process."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def sum(cls, tallies: Iterable[Self]) -> Self:
        """All of them as one."""
        total = cls()
        for one in tallies:
            total.users += one.users
            total.matches += one.matches
            total.requests += one.requests
            total.ended = max(total.ended, one.ended)
            total.errors += one.errors
            total.moments += one.moments
            total.lag += one.lag
            total.busy = max(total.busy, one.busy)
            for step in STEPS:
                total.seconds[step] += one.seconds[step]
        return total


def buckets(count: int) -> list[tuple[str, str]]:
    """So many different buckets, difficulties in turn."""
    return [(DIFFICULTIES[number % 3], f"Topic {number // 3 + 1}") for number in range(count)]
