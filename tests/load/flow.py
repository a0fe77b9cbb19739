"""The whole flow: pairs arrive in an open loop, over REST and WebSocket, and events are counted at the broker."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import Progress

from service.errors import StartFailed
from tests.load import house, processes
from tests.load.busy import Busy
from tests.load.crew import Crew, hired
from tests.load.listener import Listener, listening
from tests.load.numbers import Latency, Series, curve
from tests.load.processes import Group
from tests.load.report import Generator, Report
from tests.load.shift import Shift, Tally, buckets

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
LEAD_SECONDS: Final = 0.5
"""Between the order and the first arrival: tokens are signed meanwhile."""

SIGNING_SECONDS: Final = 0.0002
"""For the tokens of one pair, with room to spare."""

GAP_SECONDS: Final = 0.1
"""Between the two of a pair."""

_phases = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPlan:
    """What is asked for."""

    rate: float = 100.0
    """Pairs a second."""
    seconds: float = 10.0
    url: str | None = None
    replicas: int = 1
    workers: int = 1
    buckets: int = 45
    warm_up: float = 2.0
    """Seconds at the same rate before anything is measured."""
    settle: float = 0.7
    """Seconds that are measured after the end, for what is written a moment later: who has been told."""
    fsync: bool = True
    floor: bool = False
    """Whether the bare floor is measured instead of the service."""


@dataclass(frozen=True, slots=True)
class _Site:
    """What is measured, and how to look at it."""

    urls: Sequence[str]
    groups: dict[str, Group]
    listener: Listener | None = None
    versions: dict[str, str] | None = None
    replicas: Sequence[house.Replica] = ()

    def complaints(self) -> Counter[str]:
        return sum((replica.complaints() for replica in self.replicas), Counter())


async def measure(plan: FlowPlan, console: Console, stage: house.Stage | None = None) -> Report:
    """Run it, on private servers when no *stage* is given.  Raises ``StartFailed``."""
    async with _given(plan.url) if plan.url else _own(plan, stage) as site, hired(plan.workers) as crew:
        site.groups["generator"] = Group([os.getpid(), *crew.pids], with_children=False)
        with Progress(console=console) as bar:
            warm = await _phase("warm-up", plan, plan.warm_up, site, crew, bar)
            await asyncio.sleep(plan.settle)
            before = processes.usage(site.groups)
            busy = Busy()
            start, tally = await _phase("measuring", plan, plan.seconds, site, crew, bar)
            own_share = busy.share()
        events = await site.listener.settle(warm[1].matches + tally.matches) if site.listener else None
        await asyncio.sleep(plan.settle)
        after = processes.usage(site.groups)
        return Report(
            program="floor" if plan.floor else "flow",
            plan=asdict(plan),
            seconds=round(tally.ended - start, 3),
            users=tally.users,
            matches=tally.matches,
            requests=tally.requests,
            latency_ms={step: Latency.of(seconds) for step, seconds in tally.seconds.items()},
            curves={step: curve(seconds) for step, seconds in tally.seconds.items()},
            series=Series.of(zip(tally.moments, tally.seconds["flow"], strict=True), start),
            generator=Generator(Latency.of(tally.lag), round(max(tally.busy, own_share), 3)),
            cost=processes.costs(before, after, matches=tally.matches),
            errors=dict(tally.errors + Counter({f"warm-up: {kind}": n for kind, n in warm[1].errors.items()})),
            complaints=dict(site.complaints()),
            events=events,
            caveats=_caveats(plan, events is not None),
            server_versions=site.versions or {},
        )


def _caveats(plan: FlowPlan, has_broker: bool) -> list[str]:
    found = ["Users confirm without thinking, so both confirmations of a match often come together."]
    if plan.url:
        found.append("The service was running already: its CPU, its servers and its events were not looked at.")
    elif plan.floor:
        found.append("The floor keeps nothing and publishes nothing; the servers idle.")
    elif not has_broker:
        found.append("RabbitMQ is not installed: events stayed in the outbox.")
    if not plan.url and not plan.fsync:
        found.append("The stores did not wait for the disk.")
    return found


async def _phase(
    name: str, plan: FlowPlan, seconds: float, site: _Site, crew: Crew, bar: Progress
) -> tuple[float, Tally]:
    """When it began, by the machine's monotonic clock, and what came of it."""
    pairs = round(plan.rate * seconds)
    start = monotonic() + LEAD_SECONDS + pairs * SIGNING_SECONDS
    task = bar.add_task(name, total=2 * pairs)
    shifts = [_shift(f"{name}-{next(_phases)}", plan, pairs, start, site, number) for number in range(plan.workers)]
    tally = await crew.play(shifts, lambda users: bar.update(task, completed=users))
    bar.update(task, completed=2 * pairs)
    return start, tally


def _shift(name: str, plan: FlowPlan, pairs: int, start: float, site: _Site, number: int) -> Shift:
    return Shift(
        name=f"{name}-{os.getpid()}-{number}",
        start=start + number / plan.rate,
        pairs=len(range(number, pairs, plan.workers)),
        interval=plan.workers / plan.rate,
        gap=GAP_SECONDS,
        replicas=site.urls,
        buckets=buckets(plan.buckets)[number :: plan.workers],
    )


@contextlib.asynccontextmanager
async def _given(url: str) -> AsyncIterator[_Site]:
    if urlsplit(url).hostname not in LOOPBACK:
        raise StartFailed("Load goes to this machine only: give a --url at 127.0.0.1.")
    await asyncio.to_thread(house.wait_ready, url.rstrip("/"))
    yield _Site([url.rstrip("/")], {})


@contextlib.asynccontextmanager
async def _own(plan: FlowPlan, stage: house.Stage | None) -> AsyncIterator[_Site]:
    async with contextlib.AsyncExitStack() as stack:
        stage = stage or stack.enter_context(house.private_servers(rabbitmq=True, fsync=plan.fsync))
        broker = None if plan.floor else stage.urls.rabbitmq_url
        listener = await stack.enter_async_context(listening(broker)) if broker else None
        running = stack.enter_context(
            house.replicas(stage, plan.replicas, house.FLOOR if plan.floor else house.SERVICE)
        )
        yield _Site(
            urls=[replica.url for replica in running],
            groups={"service": Group([replica.process.pid for replica in running]), **stage.groups},
            listener=listener,
            versions=await stage.versions(),
            replicas=running,
        )
