"""A system of actors that is taken down after each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pykka
import pytest

from actors.runtime import Address
from actors.system import System
from tests.actors.scribe import BatchScribe, Journal, Scribe, ScribeMessage
from tests.actors.stage import Stage
from tests.fakes.neighbours import FakeMeter
from tests.fakes.store import FakeStore


@pytest.fixture
def meter() -> FakeMeter:
    return FakeMeter()


@pytest.fixture
async def system(meter: FakeMeter) -> AsyncIterator[System]:
    before = _of_actors()
    system = System(meter=meter)
    yield system
    async with asyncio.timeout(10):
        await system.stop()
    if system.crashed.done():
        system.crashed.exception()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not pykka.ActorRegistry.get_all(), "every actor is gone"
    assert not _of_actors() - before - {asyncio.current_task()}, "and so is everything it did"


def _of_actors() -> set[asyncio.Task[object]]:
    """Tasks that run code of an ``actors`` folder: servers and sockets of other tests share the loop, and go on."""
    running = {task: getattr(task.get_coro(), "cr_code", None) for task in asyncio.all_tasks()}
    return {task for task, code in running.items() if code is not None and "/actors/" in code.co_filename}


@pytest.fixture
def journal() -> Journal:
    return Journal()


Spawn = Callable[..., Address[ScribeMessage]]


@pytest.fixture
def spawn(system: System, journal: Journal) -> Spawn:
    """Starts a scribe."""

    def start(kind: type[Scribe | BatchScribe] = Scribe, *, limit: int = 1000) -> Address[ScribeMessage]:
        return system.spawn(lambda: kind(journal), mailbox_limit=limit)

    return start


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
async def stage(system: System, meter: FakeMeter, store: FakeStore) -> Stage:
    return Stage(system, meter, store)
