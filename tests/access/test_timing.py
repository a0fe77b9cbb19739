"""The clock that finds strangers' doors different has to be able to."""

from __future__ import annotations

import random

import pytest

from tests.access.timing import CONTROLS, ROUNDS, superiority, telling


def test_superiority_is_a_half_for_the_same_and_an_extreme_for_the_apart() -> None:
    assert superiority([1, 2, 3], [1, 2, 3]) == 0.5
    assert superiority([4, 5], [1, 2, 3]) == 1.0
    assert superiority([0], [1, 2, 3]) == 0.0


@pytest.mark.parametrize("seed", range(10))
async def test_what_takes_longer_is_told_apart_and_what_does_not_is_not(seed: int) -> None:
    rng, extra = random.Random(seed), {"same": 0, "slower": 120_000, "faster": -120_000, "unknown": 0}

    async def ask(one: str) -> int:
        hiccup = 5_000_000 if rng.random() < 0.02 else 0
        return int(rng.gauss(600_000, 80_000)) + hiccup + extra[one]

    found = await telling(ask, {name: name for name in ("same", "slower", "faster")}, "unknown")
    assert found.keys() == {"slower", "faster"}
    assert found["slower"] > 0 > found["faster"]


async def test_a_hiccup_that_does_not_come_back_is_no_difference() -> None:
    asked = dict.fromkeys(("known", "unknown"), 0)

    async def ask(one: str) -> int:
        asked[one] += 1
        return 900_000 if one == "known" and asked[one] <= ROUNDS else 600_000

    assert await telling(ask, {"known": "known"}, "unknown") == {}
    assert asked == {"known": 2 * ROUNDS, "unknown": 2 * CONTROLS * ROUNDS}
