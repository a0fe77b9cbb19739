"""What must hold after the noise."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.e2e.client import Crowd
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter
from tests.e2e.waiting import until
from tests.hardening.sockets.gauges import Gauges, gauges

SETTLE_SECONDS: Final = 40.0
FLOW_SECONDS: Final = 1.0
FLOW_TRIES: Final = 5
MOST_GROWTH_BYTES: Final = 32 << 20
SPARE: Final = 8
"""Descriptors and tasks that come and go by themselves."""


async def settled(replica: Replica) -> Gauges:
    """How the replica stands once whatever was begun is over, or has had time to be."""
    last: list[Gauges] = []

    async def is_still() -> bool:
        last.append(await gauges(replica))
        return last[-1].sockets == 0 and last[-1]("matching_actors", kind="BucketActor") == 0

    try:
        await until(is_still, seconds=SETTLE_SECONDS)
    except AssertionError:
        return last[-1]
    return last[-1]


def grown(before: Gauges, after: Gauges) -> Iterable[str]:
    """What is left behind, compared with *before*."""
    if after.sockets:
        yield f"{after.sockets} sockets are counted as open"
    if after.descriptors > before.descriptors + SPARE:
        yield f"descriptors grew from {before.descriptors} to {after.descriptors}"
    if after.tasks > before.tasks + SPARE:
        yield f"tasks grew from {before.tasks} to {after.tasks}"
    if after.resident_bytes > before.resident_bytes + MOST_GROWTH_BYTES:
        yield f"memory grew from {before.resident_bytes >> 20} to {after.resident_bytes >> 20} MiB"


def said(replica: Replica) -> Iterable[str]:
    """What the log says of defects, each kind once."""
    kinds: dict[str, list[str]] = {}
    for line in replica.said():
        if line.get("level") in ("error", "critical") or "exception" in line:
            kind = f"{line.get('event')} {line.get('action', line.get('logger'))} {_error(line)}"
            kinds.setdefault(kind, []).append(str(line))
    for kind, lines in kinds.items():
        yield f"the log says {len(lines)} times: {kind}, the first time {lines[0][:2000]}"
    if "Traceback (most recent call last)" in replica.log.read_text(errors="replace"):
        yield "the log has a bare traceback"


def _error(line: Mapping[str, Any]) -> str:
    exceptions = line.get("exception") or [{}]
    return str(exceptions[0].get("exc_type", ""))


async def lives(replica: Replica) -> Iterable[str]:
    """Whether the replica still does what it is for, at its usual pace."""
    if replica.process.returncode is not None:
        return [f"the replica ended with {replica.process.returncode}"]
    took = [await flow_seconds(replica, number) for number in range(FLOW_TRIES)]
    if min(took) > FLOW_SECONDS:
        return [f"a normal flow took {min(took):.2f} s"]
    return []


async def flow_seconds(replica: Replica, number: int) -> float:
    """How long two users take from their sockets to a session that both have left."""
    async with Crowd(replica) as crowd:
        started = time.monotonic()
        one, other = await crowd.connected("one"), await crowd.connected("other")
        session_id = (await enter(one, other, f"Afterwards {number}"))["session_id"]
        for user in (one, other):
            (await user.leave(session_id)).expect(200)
        return time.monotonic() - started
