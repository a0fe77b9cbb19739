"""I12: whatever is offered, a replica stays within its bounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from service.settings import Settings
from tests.chaos.checker.case import Case
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Sample

MIB = 1024 * 1024
MOST_RSS_MIB = 512
"""hardening: a process that has as much memory is never at its end."""
GROWTH_MIB = 64.0
MOST_DESCRIPTORS = 512
"""Beside those of sockets: the pools', and the lines that users keep open for their next call."""
MOST_MAILS: int = Settings.model_fields["mailbox_limit"].default


def lives(case: Case) -> Mapping[tuple[int, int], Sequence[Sample]]:
    """The samples of each process, by replica and pid."""
    found: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    for sample in case.evidence.samples:
        found[sample.replica, sample.pid].append(sample)
    return found


def everything_is_bounded(case: Case) -> Finding:
    """I12: memory, descriptors and mailboxes of every replica stay below their caps."""
    samples = case.evidence.samples
    violations: list[Violation] = []
    for one in samples:
        ids = {"replica": str(one.replica), "pid": str(one.pid)}
        for what, amount, most in (
            ("MiB of memory", one.rss_bytes / MIB, MOST_RSS_MIB),
            ("descriptors beside sockets", one.descriptors - one.sockets, MOST_DESCRIPTORS),
            ("letters in a mailbox", one.mailbox_depth, MOST_MAILS),
        ):
            if amount > most:
                violations.append(Violation(f"{amount:.0f} {what}, above {most}", one.at, ids))
    return Finding(
        number="I12",
        name="everything is bounded",
        looked_at={"samples": len(samples), "processes": len(lives(case))},
        violations=violations,
        figures={
            "most RSS MiB": _most(one.rss_bytes / MIB for one in samples),
            "most descriptors": _most(one.descriptors for one in samples),
            "most sockets": _most(one.sockets for one in samples),
            "deepest mailbox": _most(one.mailbox_depth for one in samples),
        },
    )


def memory_stays(case: Case) -> Finding:
    """P0: no process grows by 64 MiB over its life."""
    growth = {key: _growth(samples) for key, samples in lives(case).items()}
    return Finding(
        number="P0",
        name="memory grows by less than 64 MiB",
        looked_at={"processes": len(growth)},
        violations=[
            Violation(f"grew by {most:.0f} MiB", 0.0, {"replica": str(replica), "pid": str(pid)})
            for (replica, pid), most in growth.items()
            if most >= GROWTH_MIB
        ],
        figures={"most growth MiB": _most(growth.values())},
    )


def _growth(samples: Sequence[Sample]) -> float:
    """MiB, from the first moment at which it serves: before that it is still loading its code."""
    serving = [one.rss_bytes for one in samples if one.sockets >= 0]
    return (max(serving) - serving[0]) / MIB if serving else 0.0


def _most(values: Iterable[float]) -> float:
    return round(max(values, default=0.0), 1)
