"""More and more of what ended long ago."""

from __future__ import annotations

from collections.abc import Sequence

from persistence.postgres.database import Database
from tests.charts import Kind
from tests.load.growth.crowd import Crowd
from tests.load.growth.plans import Plans
from tests.load.growth.rows import Rows
from tests.load.growth.subject import Figures, Subject

GROWS = "ended requests"


async def measure(sizes: Sequence[int], crowd: Crowd, rows: Rows, plans: Plans, database: Database) -> list[Subject]:
    """What a match costs beside so many rows that nobody has counted, and how many tables are read end to end."""
    await rows.keep_statistics_cold()
    cost: list[tuple[int, Figures]] = []
    reads: list[tuple[int, Figures]] = []
    there = 0
    for size in sizes:
        task = crowd.bar.add_task(f"{size:,} {GROWS}", total=None)
        if size > there:
            await rows.end(there, size - 1)
        there = size
        crowd.bar.update(task, total=1, completed=1)
        cost.append((size, await crowd.cost(f"{size:,} {GROWS}")))
        full = await plans.explain(database)
        guilty = {sql: tables for sql, tables in full.items() if tables}
        crowd.errors.update(f"reads all of {tables}: {sql}" for sql, tables in guilty.items())
        reads.append((size, {"statements": float(len(full)), "that read a whole table": float(len(guilty))}))
    return [
        Subject(title="CPU per match, ms", grows=GROWS, points=cost, across=Kind.LINEAR),
        Subject(title="Plans on cold statistics", grows=GROWS, points=reads, is_drawn=False, is_cost=False),
    ]
