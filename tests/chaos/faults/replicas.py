"""What can happen to the processes of the service.

Not here: F3 (crash points), F7 and F8 (an actor that raises or hangs) need a hand inside the process and have tests of
their own; to the others F6, a blocked loop, looks like the shortest of F5.  F40 is left out: nothing is admitted by
how much memory there is, every cap is a count.
"""

from __future__ import annotations

import asyncio
import random
import resource
import signal
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.chaos.faults.row import REPLICAS, VICTIM, fault

if TYPE_CHECKING:
    from tests.chaos.resident import Resident
    from tests.chaos.town import Town

SPARE_DESCRIPTORS: Final = 2


@fault("replica-kill", "F1", "a replica dies at once", VICTIM, seconds=(0.5, 3))
async def kill_one(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    resident = town.residents[victim]
    await resident.kill()
    yield
    await resident.start()


@fault("replicas-kill", "F2", "all replicas die at once", REPLICAS, seconds=(0.5, 3))
async def kill_all(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await asyncio.gather(*(resident.kill() for resident in town.residents))
    yield
    await asyncio.gather(*(resident.start() for resident in town.residents))


@fault(
    "replicas-kill-long",
    "F2",
    "all replicas are dead for longer than anybody waits",
    REPLICAS,
    seconds=(10, 15),
    heavy=True,
)
async def kill_all_for_long(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    await asyncio.gather(*(resident.kill() for resident in town.residents))
    yield
    await asyncio.gather(*(resident.start() for resident in town.residents))


@fault("rolling-restart", "F4", "a rolling restart: each replica is asked to stop, and started again", REPLICAS)
async def restart_one_by_one(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    for resident in town.residents:
        await stop_in_order(resident)
        await resident.start()
    yield


@fault("replica-frozen", "F5", "a replica stands still", VICTIM, seconds=(2, 6))
async def freeze(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    town.residents[victim].send(signal.SIGSTOP)
    yield
    await _thaw(town.residents[victim])


@fault("replica-frozen-long", "F5", "a replica stands still for half a minute", VICTIM, seconds=(30, 30), heavy=True)
async def freeze_for_long(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    town.residents[victim].send(signal.SIGSTOP)
    yield
    await _thaw(town.residents[victim])


def no_faketime() -> str:
    """Why no clock can be wrong."""
    return "" if _faketime() else "libfaketime is not installed: apt-get install faketime"


@fault("clock-ahead", "F34", "a replica's clock is five minutes ahead", VICTIM, seconds=(4, 8), missing=no_faketime)
async def run_ahead(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _with_clock(town.residents[victim], "+300s"):
        yield


@fault("clock-behind", "F34", "a replica's clock is five minutes behind", VICTIM, seconds=(4, 8), missing=no_faketime)
async def run_behind(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    async for _ in _with_clock(town.residents[victim], "-300s"):
        yield


@fault("descriptors", "F39", "a replica has no file descriptors left", VICTIM, seconds=(2, 5))
async def take_descriptors(town: Town, victim: int, chance: random.Random) -> AsyncGenerator[None, None]:
    resident, pid = town.residents[victim], town.residents[victim].pid or 0
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    in_use = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + SPARE_DESCRIPTORS, usual[1]))
    yield
    if resident.pid == pid:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    await resident.until_ready()


async def stop_in_order(resident: Resident) -> None:
    """Ask a replica to stop.  Raises ``RuntimeError`` where it does not leave as it should."""
    await resident.terminate()
    if code := resident.replica.process.returncode:
        raise RuntimeError(f"replica {resident.number} was asked to stop and ended with code {code}")


async def _thaw(resident: Resident) -> None:
    resident.send(signal.SIGCONT)
    await resident.until_ready()


async def _with_clock(resident: Resident, offset: str) -> AsyncGenerator[None, None]:
    """The replica is restarted with another clock, and again with the right one."""
    usual = resident.replica.environment
    await stop_in_order(resident)
    resident.replica.environment = usual | {
        "LD_PRELOAD": _faketime(),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_NO_CACHE": "1",
    }
    await resident.start()
    yield
    await stop_in_order(resident)
    resident.replica.environment = usual
    await resident.start()


def _faketime() -> str:
    return next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
