"""A run second by second: what it served, how fast, and how well it recovered from each fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Final

from tests.chaos.evidence import Evidence, FaultSpan, Operation, Outcome
from tests.load.numbers import percentile

AFTER_SECONDS: Final = 10.0
"""How long after a fault its aftermath is looked at."""
STEADY_SECONDS: Final = 3
"""How long errors must be seldom for a run to be back to normal."""
SELDOM: Final = 0.02
"""The share of calls without a good answer that is still normal: a client's next try is one of them."""


@dataclass(frozen=True, slots=True)
class Second:
    """What was answered in one second of a run."""

    ok: int
    unknown: int
    """Without an answer, or with a 5xx."""
    matches: int
    """Made in it."""
    p50_ms: float
    p99_ms: float
    """Of the good answers; 0 where there was none."""

    @property
    def is_normal(self) -> bool:
        return self.ok > 0 and self.unknown <= SELDOM * (self.ok + self.unknown)


@dataclass(frozen=True, slots=True)
class Target:
    """What the fault matrix asks for, as far as it is a time that can be measured from outside."""

    text: str
    measure: Callable[[Recovery], float]
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What one fault did to the users, in seconds; infinite for what did not happen before the run ended."""

    fault: FaultSpan
    gap_during: float
    """The longest time without a new match while it lasted."""
    gap_after: float
    """The same in the ten seconds after it."""
    first_match: float
    first_success: float
    normal: float
    """From its end until hardly any call goes without a good answer, for three seconds in a row."""
    request_p99: float
    """Of the requests that were accepted while it lasted."""

    @property
    def target(self) -> Target | None:
        return TARGETS.get(self.fault.number)

    @property
    def is_met(self) -> bool | None:
        """None where the matrix asks for nothing of the kind."""
        return None if self.target is None else self.target.measure(self) <= self.target.most


TARGETS: Final[Mapping[str, Target]] = {
    "F1": Target("no second without a match", lambda one: one.gap_during, 1.0),
    "F2": Target("first match within 1 s", lambda one: one.first_match, 1.0),
    "F5": Target("first match within 2 s", lambda one: one.first_match, 2.0),
    "F9": Target("first match within 2 s", lambda one: one.first_match, 2.0),
    "F10": Target("normal within 2 s", lambda one: one.normal, 2.0),
    "F11": Target("first match within 2 s", lambda one: one.first_match, 2.0),
    "F12": Target("requests answered within 0.5 s", lambda one: one.request_p99, 0.5),
    "F14": Target("normal within 2 s", lambda one: one.normal, 2.0),
    "F15": Target("normal within 5 s", lambda one: one.normal, 5.0),
    "F16": Target("normal within 2 s", lambda one: one.normal, 2.0),
    "F17": Target("normal within 3 s", lambda one: one.normal, 3.0),
    "F18": Target("normal within 3 s", lambda one: one.normal, 3.0),
    "F20": Target("requests answered within 1.5 s", lambda one: one.request_p99, 1.5),
    "F27": Target("normal within 5 s", lambda one: one.normal, 5.0),
    "F30": Target("normal within 5 s", lambda one: one.normal, 5.0),
    "F32": Target("normal within 5 s", lambda one: one.normal, 5.0),
}


def seconds(evidence: Evidence) -> Sequence[Second]:
    """The seconds of a run, from its beginning until the last answer."""
    calls: dict[int, list[Operation]] = defaultdict(list)
    began = _began(evidence)
    for one in evidence.operations:
        calls[int(one.ended - began)].append(one)
    made: dict[int, int] = defaultdict(int)
    for moment in _matches(evidence):
        made[int(moment - began)] += 1
    last = max([0, *calls, *made])
    return [_second(calls.get(number, []), made[number]) for number in range(last + 1)]


def recoveries(evidence: Evidence) -> Iterator[Recovery]:
    """How the run recovered from each of its faults, in their order."""
    by_second = seconds(evidence)
    matches = _matches(evidence)
    good = [one for one in evidence.operations if one.outcome is Outcome.OK]
    end = _last_arrival(evidence)
    for fault in evidence.faults:
        after = min(fault.healed + AFTER_SECONDS, max(end, fault.healed))
        asked = [one for one in good if one.name == "request" and fault.began <= one.invoked <= fault.healed]
        yield Recovery(
            fault=fault,
            gap_during=_longest_gap(matches, fault.began, fault.healed),
            gap_after=_longest_gap(matches, fault.healed, after),
            first_match=min((moment for moment in matches if moment >= fault.healed), default=inf) - fault.healed,
            first_success=min((one.ended for one in good if one.invoked >= fault.healed), default=inf) - fault.healed,
            normal=_normal_after(by_second, fault.healed - _began(evidence)),
            request_p99=percentile(sorted(one.ended - one.invoked for one in asked), 0.99),
        )


def _second(calls: Sequence[Operation], matches: int) -> Second:
    took = sorted(1000 * (one.ended - one.invoked) for one in calls if one.outcome is Outcome.OK)
    unknown = sum(one.outcome is Outcome.UNKNOWN for one in calls)
    return Second(len(took), unknown, matches, percentile(took, 0.5), percentile(took, 0.99))


def _began(evidence: Evidence) -> float:
    return float(evidence.run.get("began", 0.0))


def _last_arrival(evidence: Evidence) -> float:
    """When users stopped coming: from then on there is less and less to pair."""
    seconds_ = evidence.run.get("plan", {}).get("seconds")
    return float(evidence.run.get("ended", 0.0)) if seconds_ is None else _began(evidence) + float(seconds_)


def _matches(evidence: Evidence) -> Sequence[float]:
    """When each match was made."""
    return sorted(float(row["created_at"]) for row in evidence.tables.get("matches", ()))


def _longest_gap(moments: Sequence[float], begin: float, end: float) -> float:
    inside = [begin, *(moment for moment in moments if begin < moment < end), end]
    return max(later - earlier for earlier, later in pairwise(inside))


def _normal_after(by_second: Sequence[Second], healed: float) -> float:
    """Seconds from *healed* until the first of three normal seconds in a row; 0 when it never was otherwise."""
    first = int(healed)
    for number in range(first, len(by_second)):
        if all(one.is_normal for one in by_second[number : number + STEADY_SECONDS]):
            return max(0.0, number - healed)
    return inf
