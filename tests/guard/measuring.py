"""The figures: what one match takes, taken several times."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.guard.house import PAIRS, House

TRIES = 10
FEW = 3
"""Of what hardly moves and is slow to count."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is counted, and for how many pairs."""

    name: str
    play: Callable[[House], Awaitable[None]]
    pairs: int


SCENES = (
    Scene("a lone pair", House.lone_pair, 1),
    Scene("each of fifty pairs at once", House.crowd_of_pairs, PAIRS),
)

Figures = dict[str, dict[str, list[float]]]
"""By scene and name, what one match took each time."""


async def measure(house: House, *, tries: int = TRIES) -> Figures:
    """Every figure; calls apart, as counting them makes the service slow."""
    figures = {scene.name: await _rounds(house, scene, tries) for scene in SCENES}
    house.replica.send(signal.SIGUSR2)
    await house.lone_pair()
    for scene in SCENES:
        figures[scene.name]["calls"] = (await _rounds(house, scene, FEW))["calls"]
    return figures


async def _rounds(house: House, scene: Scene, tries: int) -> dict[str, list[float]]:
    rounds = [await _one_match(house, scene) for _ in range(tries)]
    return {name: [one[name] for one in rounds] for name in rounds[0]}


async def _one_match(house: House, scene: Scene) -> Mapping[str, float]:
    before = await house.figures()
    await scene.play(house)
    after = await house.figures()
    return {name: (after[name] - before[name]) / scene.pairs for name in after}
