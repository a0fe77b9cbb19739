"""How long those have waited who wait for their turn."""

from __future__ import annotations

import asyncio

from tests.actors.waiting import a_few_turns
from web.turns import Turns


async def test_the_delay_is_that_of_whoever_is_next() -> None:
    now = 1000.0
    turns = Turns(1, clock=lambda: now)
    assert turns.delay == 0
    await turns.acquire()
    assert turns.delay == 0
    waiting = []
    for _ in range(3):
        waiting.append(asyncio.create_task(turns.acquire()))
        await a_few_turns()
        now += 1
    assert turns.delay == 3
    turns.release()
    await waiting[0]
    assert turns.delay == 2
    waiting[1].cancel()
    await a_few_turns()
    assert turns.delay == 1
    turns.release()
    await waiting[2]
    assert turns.delay == 0
