"""A match takes no more of anything than is written in budgets.toml."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.guard.budgets import Budget, as_table, written
from tests.guard.measuring import SCENES

BUDGETS = {(budget.scene, budget.name): budget for budget in written()}
LONE, CROWD = (scene.name for scene in SCENES)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("budget", BUDGETS.values(), ids=lambda budget: f"{budget.name}, {budget.scene}")
def test_a_match_stays_within_its_budget(budget: Budget, figures: Mapping[tuple[str, str], float]) -> None:
    complaint = budget.complaint(figures[budget.scene, budget.name])
    assert not complaint, complaint


def test_everything_that_is_counted_has_a_budget(figures: Mapping[tuple[str, str], float]) -> None:
    assert figures.keys() == BUDGETS.keys()


@pytest.mark.parametrize("name", ["postgresql statements", "redis commands", "tasks", "calls"])
def test_a_match_among_many_takes_less_than_a_lone_one(name: str, figures: Mapping[tuple[str, str], float]) -> None:
    assert figures[CROWD, name] < figures[LONE, name]


def test_growing_beyond_the_ceiling_is_told_with_the_place_to_look() -> None:
    budget = Budget(LONE, "redis commands", counted=7, ceiling=7)
    assert not budget.complaint(7)
    assert budget.complaint(8).startswith(
        "redis commands of a lone pair grew from 7 to 8, above 7. Look at persistence/redis"
    )


def test_falling_far_below_the_ceiling_is_told_too() -> None:
    budget = Budget(LONE, "tasks", counted=36, ceiling=37)
    assert not budget.complaint(19)
    assert "lower the ceiling" in budget.complaint(18)


def test_few_things_get_no_room_and_many_get_some() -> None:
    counts = {
        LONE: {"tasks": [14.0, 15.0], "calls": [5_900.0]},
        CROWD: {"tasks": [4.4, 9.0, 4.0], "redis round trips": [6.0]},
    }
    assert as_table(counts).splitlines() == [
        '["a lone pair"]',
        '"tasks" = { counted = 14, ceiling = 14 }',
        '"calls" = { counted = 5900, ceiling = 6195 }',
        "",
        '["each of fifty pairs at once"]',
        '"tasks" = { counted = 4.4, ceiling = 4.76 }',
        '"redis round trips" = { counted = 6, ceiling = 8.4 }',
    ]
