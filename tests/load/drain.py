"""What an outage of the broker leaves behind, and how fast a replica publishes it when the broker is back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Final

import asyncpg
from rich.console import Console
from rich.progress import Progress

from messaging.audience import seat_audience
from service.errors import StartFailed
from tests.charts import Bars
from tests.load import house, processes
from tests.load.holding.findings import per_unit
from tests.load.processes import Group, Usage
from tests.load.report import Findings, Table

POLL_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 300.0

# As long as a match.found of two users with short names.
_LEFT_BEHIND: Final = """
INSERT INTO outbox (event_id, routing_key, body)
SELECT gen_random_uuid(), 'match.found', convert_to(repeat('x', 420), 'UTF8') FROM generate_series(1, $1)
"""

_PUBLISHED: Final = """
SELECT count(*) AS events, coalesce(extract(epoch FROM max(published_at) - min(published_at)), 0)::float8 AS seconds
FROM outbox WHERE published_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPlan:
    """What is asked for."""

    events: int = 20_000
    fsync: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainReport(Findings):
    """How fast it went."""

    events: int
    seconds: float
    """From the first mark as published to the last."""
    cpu_us: Mapping[str, float]
    """For one event, by component, the start of the replica included."""

    @property
    def per_second(self) -> float:
        return round(self.events / self.seconds, 1) if self.seconds else 0.0

    @property
    def is_clean(self) -> bool:
        """Whether every event went out."""
        return not self.errors

    def derived(self) -> Mapping[str, object]:
        """The rate."""
        return {"events_per_second": self.per_second}

    def tables(self) -> Sequence[Table]:
        """One."""
        rows = [("events", f"{self.events:,} in {self.seconds:.2f} s"), ("events/s", f"{self.per_second:,.0f}")]
        return [Table("drain", (), [*rows, *((f"CPU of {name}", f"{us:.0f} µs") for name, us in self.cpu_us.items())])]

    def pictures(self) -> Sequence[str]:
        """Who had the work."""
        return [Bars(title="CPU per event, by component", values=self.cpu_us, unit="µs").svg()]


async def measure(plan: DrainPlan, console: Console, stage: house.Stage | None = None) -> DrainReport:
    """Run it, on private servers when no *stage* is given.  Raises ``StartFailed``."""
    if stage is None:
        with house.private_servers(rabbitmq=True, fsync=plan.fsync) as own:
            return await measure(plan, console, own)
    if stage.urls.rabbitmq_url is None:
        raise StartFailed("RabbitMQ is not installed: there is nothing to publish to.")
    await seat_audience(stage.urls.rabbitmq_url)
    connection = await asyncpg.connect(stage.urls.database_url)
    try:
        await connection.execute(_LEFT_BEHIND, plan.events)
        return await _drained(plan, console, stage, connection)
    finally:
        await connection.close()


async def _drained(
    plan: DrainPlan, console: Console, stage: house.Stage, connection: asyncpg.Connection
) -> DrainReport:
    before = processes.usage(stage.groups)
    with house.replicas(stage, 1) as running, Progress(console=console) as bar:
        task = bar.add_task("publishing", total=plan.events)
        deadline = monotonic() + PATIENCE_SECONDS
        [told] = await connection.fetch(_PUBLISHED)
        while told["events"] < plan.events and monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            [told] = await connection.fetch(_PUBLISHED)
            bar.update(task, completed=told["events"])
        groups = stage.groups | {"service": Group([running[0].process.pid])}
        after = processes.usage(groups)
    return DrainReport(
        program="drain",
        plan=asdict(plan),
        events=told["events"],
        seconds=round(told["seconds"], 3),
        cpu_us=per_unit({name: before.get(name, Usage(0.0, 0)) for name in after}, after, 1e6, told["events"]),
        errors={"never published": plan.events - told["events"]} if told["events"] < plan.events else {},
        server_versions=await stage.versions(),
    )
