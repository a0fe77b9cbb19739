"""One run, from nothing to a folder of evidence."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import resource
import shlex
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from tests.chaos import leaks
from tests.chaos.crowd import gathered
from tests.chaos.evidence import Notebook
from tests.chaos.faults import FAULTS, chosen, why_not
from tests.chaos.founding import founded
from tests.chaos.nemesis import MOST_AT_ONCE, Nemesis, in_order, mixed, seconds_in_order
from tests.chaos.plan import ChaosPlan
from tests.chaos.tables import dump, left_to_do
from tests.chaos.town import Town
from tests.chaos.watch import Watch
from tests.load.surroundings import machine, server_versions, versions

QUIET_SECONDS: Final = 30.0
"""How long everything may take to end, beyond the longest waits that the plan allows."""
LOOK_SECONDS: Final = 0.2

Say = Callable[[str], None]


class TownBroken(Exception):
    """A fault could not be made, or what it broke did not come back.  The evidence is there all the same."""


async def play(plan: ChaosPlan, folder: Path, say: Say) -> None:
    """Play *plan*; *folder* holds the whole evidence then.  *say* is told what happens, a line each.

    A run one by one lasts as long as its faults need.  Raises :class:`TownBroken`, ``NoSuchFault``, ``StartFailed``.
    """
    faults = chosen(plan)
    if plan.one_by_one:
        plan = replace(plan, seconds=max(plan.seconds, seconds_in_order(faults)))
    story = {"machine": machine()} | _how_it_was_asked(plan)
    with _written_down(folder):
        story |= await _live(plan, folder, say)
    story["secrets_found"] = leaks.count(folder / "logs", story.pop("secrets"))
    (folder / "run.json").write_text(json.dumps(story, indent=2) + "\n", encoding="utf-8")
    if story["failures"]:
        raise TownBroken("; ".join(story["failures"]))


async def _live(plan: ChaosPlan, folder: Path, say: Say) -> dict[str, Any]:
    """The life of a town; what is to be said of it."""
    async with founded(plan, folder, say) as town:
        nemesis = Nemesis(town, Notebook(folder))
        async with _watched(town, folder):
            story = await _days(town, nemesis)
            await asyncio.gather(*(resident.terminate() for resident in town.residents))
        async with town.database() as connection, town.index() as index:
            await dump(folder, connection, index)
        urls = town.servers.urls
        stores = await server_versions(urls.database_url or "", urls.redis_url or "")
        return story | {
            "versions": versions() | stores,
            "played": nemesis.played,
            "not_played": [fault.name for fault in chosen(plan) if fault.name not in nemesis.played],
            "failures": nemesis.failures,
            "secrets": leaks.secrets_of(town),
        }


async def _days(town: Town, nemesis: Nemesis) -> dict[str, Any]:
    """Users come and things break; then everybody goes home."""
    plan, faults = town.plan, chosen(town.plan)
    make = in_order if plan.one_by_one else mixed
    strokes = make(faults, seed=plan.seed, replicas=plan.replicas)
    async with gathered(plan, town.urls, town.folder) as crowd:
        town.say(f"users come for {plan.seconds:.0f} s, {plan.rate:g} in a second")
        began, used = time.time(), _cpu_seconds()
        at_once = 1 if plan.one_by_one else MOST_AT_ONCE
        tally, _ = await asyncio.gather(
            crowd.play(lambda _: None), nemesis.play(strokes, seconds=plan.seconds, at_once=at_once)
        )
        ended = time.time()
        used = _cpu_seconds() - used
    town.say("everybody has gone home; what is under way comes to its end")
    left = await _until_quiet(town)
    town.say(f"quiet after {time.time() - ended:.1f} s" if not left else f"not quiet: {left}")
    return {
        "began": began, "ended": ended, "drained": time.time(), "left": left, "crowd": tally.as_json(),
        "cpu_seconds_of_town": round(used, 2),
    }  # fmt: skip


async def _until_quiet(town: Town) -> dict[str, int]:
    """What is still under way after all patience; nothing, normally, and every event is with the witness."""
    plan = town.plan
    patience = QUIET_SECONDS + plan.search_seconds + plan.confirm_seconds + plan.session_budget_seconds
    give_up = time.monotonic() + patience
    left = {"looks": 1}
    async with town.database() as connection:
        while left and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_SECONDS)
            left = await left_to_do(connection)
            if not left and not await town.witness.is_done():
                left = {"deliveries": 1}
    return left


@contextlib.contextmanager
def _written_down(folder: Path) -> Iterator[None]:
    """What libraries say in this process, of connections that we broke ourselves, goes to a file."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / "logs" / "town.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


@contextlib.asynccontextmanager
async def _watched(town: Town, folder: Path) -> AsyncIterator[None]:
    looking = asyncio.create_task(Watch(town, Notebook(folder)).look_for_ever())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait({looking})
    if not looking.cancelled() and (error := looking.exception()):
        raise error


def _how_it_was_asked(plan: ChaosPlan) -> dict[str, Any]:
    return {
        "plan": asdict(plan) | {"source": str(plan.source), "faults": list(plan.faults)},
        "seed": plan.seed,
        "faults_available": {fault.name: why_not(fault, plan) for fault in FAULTS},
        "command": shlex.join(["./run", "chaos", *sys.argv[1:]]),
    }


def _cpu_seconds() -> float:
    """What this process has used, proxies and all."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
