"""I4 and I13: oldest first, and at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from tests.chaos.checker.case import Case, Stay
from tests.chaos.checker.finding import Finding, Violation
from tests.load.numbers import percentile

BATCH = 50
"""Pairs of one statement: as many may go before somebody whom the index had lost."""
SETTLED_SECONDS = 1.0
"""Only whoever has waited this long can be overtaken: younger entries may have been written first."""
BESIDE_SECONDS = 0.1
"""Whoever is paired this soon afterwards was in the hands of another replica."""
PAIRED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Wait:
    """One request in the queue, from when it came (back) until it left."""

    request_id: str
    user_id: str
    seq: int
    began: float
    ended: float
    expires_at: float
    match_id: str | None
    """With which it left."""


def oldest_first(case: Case) -> Finding:
    """I4: whoever came first goes first; after a Redis loss at most one batch goes before."""
    overtaken: Counter[str] = Counter()
    overtaking: set[str] = set()
    pairs = 0
    for waits in _by_bucket(case).values():
        partners = _partners(waits)
        seen: set[str] = set()
        for wait, others in _leavings(waits):
            if wait.match_id is None or wait.match_id in seen:
                continue
            seen.add(wait.match_id)
            passed = [one for one in others if _passed(case, one, partners[wait.match_id])]
            overtaken.update(one.request_id for one in passed)
            overtaking.update(wait.match_id for _ in passed)
        pairs += len(seen)
    return Finding(
        number="I4",
        name="oldest first in every bucket",
        looked_at={"pairs": pairs, "buckets": len(_by_bucket(case))},
        violations=[
            Violation(f"overtaken by {times} pairs", 0.0, {"request": request_id})
            for request_id, times in overtaken.items()
            if times > BATCH
        ],
        figures={"overtaking pairs %": round(100 * len(overtaking) / pairs, 4) if pairs else 0.0},
    )


def _passed(case: Case, one: Wait, pair: Sequence[Wait]) -> bool:
    """Whether *one*, older than both and free to go with either, was left behind."""
    moment = min(wait.ended for wait in pair)
    return (
        one not in pair
        and one.seq < min(wait.seq for wait in pair)
        and one.began < moment - SETTLED_SECONDS
        and min(one.ended, one.expires_at) > moment + BESIDE_SECONDS
        and all(frozenset((one.user_id, wait.user_id)) not in case.failed_together for wait in pair)
    )


def paired_at_once(case: Case) -> Finding:
    """I13: two who may meet are paired within five seconds, whatever has just been healed."""
    calm: list[float] = []
    violations: list[Violation] = []
    looked_at = 0
    for waits in _by_bucket(case).values():
        for wait, others in _leavings(waits):
            for other in others:
                if frozenset((wait.user_id, other.user_id)) in case.failed_together or other.user_id == wait.user_id:
                    continue  # the two avoid each other while they can
                looked_at += 1
                since, until = _together(wait, other)
                if until > case.windows.latest(since, PAIRED_SECONDS):
                    ids = {"request": wait.request_id, "other": other.request_id}
                    violations.append(Violation(f"waited side by side for {until - since:.1f} s", since, ids))
                if wait.match_id is not None and wait.match_id == other.match_id:
                    calm += [until - since] * (not case.windows.touch(since - PAIRED_SECONDS, until))
    calm.sort()
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return Finding(
        number="I13",
        name="two who may meet are paired at once",
        looked_at={"meetings": looked_at, "pairs made in calm": len(calm)},
        violations=violations,
        figures={f"wait in calm {name} ms": round(1000 * percentile(calm, share), 1) for name, share in shares.items()},
    )


def _together(one: Wait, other: Wait) -> tuple[float, float]:
    return max(one.began, other.began), min(one.ended, other.ended, one.expires_at, other.expires_at)


def _by_bucket(case: Case) -> Mapping[str, Sequence[Wait]]:
    found: dict[str, list[Wait]] = defaultdict(list)
    for request_id, stays in case.request_stays.items():
        for stay in stays:
            if stay.state == "pending":
                found[stay.came["bucket"]].append(_wait(request_id, stay))
    return found


def _wait(request_id: str, stay: Stay) -> Wait:
    came, went = stay.came, stay.went or {}
    return Wait(
        request_id=request_id,
        user_id=came["user_id"],
        seq=came["request_seq"],
        began=stay.began,
        ended=stay.ended,
        expires_at=went.get("expires_at") or came["expires_at"] or inf,
        match_id=went["match_id"] if went.get("new") == "matched" else None,
    )


def _partners(waits: Sequence[Wait]) -> Mapping[str, Sequence[Wait]]:
    found: dict[str, list[Wait]] = defaultdict(list)
    for wait in waits:
        if wait.match_id is not None:
            found[wait.match_id].append(wait)
    return found


def _leavings(waits: Sequence[Wait]) -> Iterator[tuple[Wait, Sequence[Wait]]]:
    """Whoever leaves the bucket, in the order of leaving, with all who stay behind at that moment."""
    arriving = sorted(waits, key=lambda wait: wait.began, reverse=True)
    present: dict[int, Wait] = {}
    for wait in sorted(waits, key=lambda wait: wait.ended):
        while arriving and arriving[-1].began <= wait.ended:
            came = arriving.pop()
            present[id(came)] = came
        del present[id(wait)]
        yield wait, list(present.values())
