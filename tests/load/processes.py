"""CPU and memory of process trees, from ``/proc``; nothing where there is none."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_STATE, _PARENT, _UTIME, _CSTIME, _RSS = 0, 1, 11, 14, 21
"""Fields of ``stat``, counted from the one after the name in brackets."""

EVERYTHING_ELSE = "everything else"
"""What the machine did besides: colleagues, other programs.  Much of it, and wall-clock figures mean little."""


@dataclass(frozen=True, slots=True)
class Group:
    """Processes that are counted together."""

    pids: Sequence[int]
    with_children: bool = True


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group has used so far."""

    cpu_seconds: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a group used in a phase."""

    cpu_seconds: float
    cpu_ms_per_match: float
    rss_mib: float
    """At the end; memory that several processes share is counted in each."""


def usage(groups: Mapping[str, Group]) -> dict[str, Usage]:
    """What each group has used since its processes started, and what the machine did besides."""
    stats = _stats()
    children: dict[int, list[int]] = defaultdict(list)
    for pid, fields in stats.items():
        children[int(fields[_PARENT])].append(pid)
    if not stats:
        return {}
    found = {name: _usage_of(group, stats, children) for name, group in groups.items()}
    ours = sum(one.cpu_seconds for one in found.values())
    return {**found, EVERYTHING_ELSE: Usage(_busy_seconds() - ours, 0)}


def costs(before: Mapping[str, Usage], after: Mapping[str, Usage], *, matches: int) -> dict[str, Cost]:
    """What happened between two looks, per match."""
    found = {}
    for name, now in after.items():
        cpu = now.cpu_seconds - before[name].cpu_seconds
        per_match = 1000 * cpu / matches if matches else 0.0
        found[name] = Cost(round(cpu, 2), round(per_match, 3), round(now.rss_bytes / 2**20, 1))
    return found


def _usage_of(group: Group, stats: Mapping[int, Sequence[bytes]], children: Mapping[int, Sequence[int]]) -> Usage:
    pids = [pid for pid in group.pids if pid in stats]
    last = _CSTIME if group.with_children else _CSTIME - 2
    for pid in pids:  # grows while it is walked
        if group.with_children:
            pids += children.get(pid, ())
    ticks = sum(int(field) for pid in pids for field in stats[pid][_UTIME : last + 1])
    pages = sum(int(stats[pid][_RSS]) for pid in pids)
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


def _busy_seconds() -> float:
    """What all processors have worked since the machine started, stolen time included."""
    user, nice, system, _idle, _waiting, *interrupts_and_stolen = (
        int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]
    )
    return (user + nice + system + sum(interrupts_and_stolen)) / os.sysconf("SC_CLK_TCK")


def _stats() -> dict[int, Sequence[bytes]]:
    found: dict[int, Sequence[bytes]] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            text = (folder / "stat").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        fields = text.rpartition(b") ")[2].split()
        found[int(folder.name)] = fields
    return found
