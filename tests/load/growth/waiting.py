"""More and more users who wait for something that nobody else wants."""

from __future__ import annotations

from collections.abc import Sequence

from tests.load.growth.crowd import Crowd
from tests.load.growth.rows import Rows
from tests.load.growth.subject import Figures, Subject

GROWS = "waiting users"


async def measure(sizes: Sequence[int], crowd: Crowd, rows: Rows) -> list[Subject]:
    """What a match costs while so many others wait, and what each of them takes in the stores."""
    cost: list[tuple[int, Figures]] = []
    memory: list[tuple[int, Figures]] = []
    there = 0
    for size in sizes:
        before = await rows.kib()
        await rows.wait(there, size - 1)
        grown = {name: (kib - before[name]) / (size - there) for name, kib in (await rows.kib()).items()}
        memory.append((size, grown))
        there = size
        cost.append((size, await crowd.cost(f"{size:,} {GROWS}")))
    return [
        Subject(title="CPU per match, ms", grows=GROWS, points=cost),
        Subject(title="Memory of a waiting user in the stores, KiB", grows=GROWS, points=memory, is_cost=False),
    ]
