"""Breaks the town by a seeded schedule, and leaves it whole."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.chaos.evidence import FaultSpan, Notebook
from tests.chaos.faults.row import REPLICAS, VICTIM, Row
from tests.chaos.town import Town
from tests.e2e.waiting import until

PAUSE_SECONDS: Final = (1.0, 4.0)
MOST_AT_ONCE: Final = 2
BREATH_SECONDS: Final = 4.0
"""Between two faults that leave nobody at work."""
CALM_BEFORE_SECONDS: Final = 4.0
CALM_AFTER_SECONDS: Final = 6.0
HEALING_SECONDS: Final = 120.0
"""A fault that is not healed by then has broken the town."""
USUAL_HEALING_SECONDS: Final = 8.0
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One fault, as it is planned."""

    after: float
    """Seconds since the one before began, or in a run of one by one since it was healed."""
    fault: Row
    victim: int
    seconds: float
    seed: float
    """Of what the fault itself leaves to chance."""


def mixed(faults: Sequence[Row], *, seed: int, replicas: int) -> Iterator[Stroke]:
    """Strokes without end, by chance: every number of the matrix comes once before any comes again.

    So do the faults of a number.  One breaks something else than the one before wherever that can be, so that they
    need not wait for each other.
    """
    chance = random.Random(f"nemesis {seed}")
    numbers = list(dict.fromkeys(fault.number for fault in faults))
    rest: dict[str, list[Row]] = {}
    last: Stroke | None = None
    while numbers:
        deck = [_next_of(number, faults, rest, chance) for number in chance.sample(numbers, len(numbers))]
        while deck:
            fault = next((one for one in deck if last is None or not _is_in_the_way(last.fault, one)), deck[0])
            deck.remove(fault)
            last = _stroke(fault, chance.uniform(*PAUSE_SECONDS), replicas, chance, not_again=last)
            yield last


def in_order(faults: Sequence[Row], *, seed: int, replicas: int) -> Iterator[Stroke]:
    """Each of *faults* once."""
    chance = random.Random(f"nemesis {seed}")
    for number, fault in enumerate(faults):
        yield _stroke(fault, CALM_BEFORE_SECONDS + (CALM_AFTER_SECONDS if number else 0), replicas, chance)


def seconds_in_order(faults: Sequence[Row]) -> float:
    """How long users must come for each of *faults* to have its turn, with healing as it usually is."""
    each = CALM_BEFORE_SECONDS + CALM_AFTER_SECONDS + USUAL_HEALING_SECONDS
    return sum(fault.seconds[1] + each for fault in faults)


def _next_of(number: str, faults: Sequence[Row], rest: dict[str, list[Row]], chance: random.Random) -> Row:
    """One of a number's faults that has not had its turn yet; *rest* remembers which those are."""
    if not rest.get(number):
        its = [fault for fault in faults if fault.number == number]
        rest[number] = chance.sample(its, len(its))
    return rest[number].pop()


def _stroke(
    fault: Row, after: float, replicas: int, chance: random.Random, *, not_again: Stroke | None = None
) -> Stroke:
    victims = [number for number in range(replicas) if not_again is None or number != not_again.victim or replicas == 1]
    return Stroke(
        after=after, fault=fault, victim=chance.choice(victims), seconds=chance.uniform(*fault.seconds),
        seed=chance.random(),
    )  # fmt: skip


def _is_in_the_way(running: Row, other: Row) -> bool:
    """Whether *other* would have to wait for the end of *running*, on different replicas."""
    shared = set(running.breaks) & set(other.breaks) - {VICTIM}
    replicas = {VICTIM, REPLICAS} & set(running.breaks), {VICTIM, REPLICAS} & set(other.breaks)
    is_for_all = all(replicas) and any(REPLICAS in one for one in replicas)
    return bool(shared) or is_for_all or (_leaves_nobody(running) and _leaves_nobody(other))


def _leaves_nobody(fault: Row) -> bool:
    return bool({"postgres", REPLICAS} & set(fault.breaks))


class Nemesis:
    """Strikes as planned as long as the users come, and notes every span.

    At most two faults at once, which touch different things; and never one after another, or beside another, that
    leave nobody at work.
    """

    def __init__(self, town: Town, notebook: Notebook) -> None:
        self._town = town
        self._notebook = notebook
        self._running: dict[asyncio.Task[None], frozenset[str]] = {}
        self._alive_since = 0.0
        """When the last fault was over that left nobody at work."""
        self.failures: list[str] = []
        """Faults that could not be made, or were not healed in time."""
        self.played: list[str] = []

    async def play(self, strokes: Iterator[Stroke], *, seconds: float, at_once: int = MOST_AT_ONCE) -> None:
        """Strike until *seconds* are over, or anything fails; returns when everything is whole again."""
        end = time.monotonic() + seconds
        try:
            for stroke in strokes:
                await asyncio.sleep(min(stroke.after, max(0.0, end - time.monotonic())))
                has_begun = await self._begin(stroke, end, at_once)
                if not has_begun or self.failures:
                    break
                if at_once == 1:
                    await asyncio.wait(self._running)
        finally:
            if self._running:
                await asyncio.wait(self._running)
            self._notebook.close()

    async def _begin(self, stroke: Stroke, end: float, at_once: int) -> bool:
        """Whether there was still time, as soon as there is room."""
        touches = frozenset(stroke.fault.touches(self._town, stroke.victim))
        await until(lambda: self._has_room(touches, at_once), seconds=2 * HEALING_SECONDS, every=LOOK_SECONDS)
        if time.monotonic() + stroke.seconds + USUAL_HEALING_SECONDS > end:
            return False
        task = asyncio.create_task(self._strike(stroke, touches))
        self._running[task] = touches
        task.add_done_callback(self._running.pop)
        return True

    def _has_room(self, touches: frozenset[str], at_once: int) -> bool:
        others = list(self._running.values())
        if len(others) >= at_once or any(touches & other for other in others):
            return False
        if not self._is_deadly(touches):
            return True
        has_breath = time.monotonic() - self._alive_since >= BREATH_SECONDS
        return has_breath and not any(self._is_deadly(other) for other in others)

    def _is_deadly(self, touches: frozenset[str]) -> bool:
        """Whether nobody can work meanwhile."""
        everybody = {f"replica-{number}" for number in range(self._town.plan.replicas)}
        return "postgres" in touches or everybody <= touches

    async def _strike(self, stroke: Stroke, touches: frozenset[str]) -> None:
        fault, note, began = stroke.fault, "", time.time()
        self._town.touched.update(touches)
        self._town.say(f"{fault.name} ({fault.number}): {fault.title}")
        try:
            async with asyncio.timeout(stroke.seconds + HEALING_SECONDS):
                async with fault.inflict(self._town, stroke.victim, random.Random(stroke.seed)):
                    await asyncio.sleep(stroke.seconds)
        except Exception as error:  # noqa: BLE001  whatever it is, it is a finding, and the others must be healed
            note = f"failed: {error!r}"
            self.failures.append(f"{fault.name} {note}")
        healed = time.time()
        self._town.touched.subtract(touches)
        self._town.healed_at.update(dict.fromkeys(touches, time.monotonic()))
        if self._is_deadly(touches):
            self._alive_since = time.monotonic()
        self.played.append(fault.name)
        self._town.say(f"{fault.name}: healed after {healed - began:.1f} s{note and ', ' + note}")
        self._notebook.note(
            FaultSpan(
                name=fault.name, number=fault.number, began=began, healed=healed, touches=sorted(touches), note=note
            )
        )  # fmt: skip
