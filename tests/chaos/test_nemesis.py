"""The schedule of faults."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest

from tests.chaos.faults import FAULTS, NoSuchFault, chosen, why_not
from tests.chaos.nemesis import Stroke, in_order, mixed, seconds_in_order
from tests.chaos.plan import ChaosPlan

MANY = 500
LIGHT = [fault for fault in FAULTS if not fault.heavy]


def drawn(seed: int, replicas: int = 3) -> list[Stroke]:
    return list(islice(mixed(LIGHT, seed=seed, replicas=replicas), MANY))


def test_the_same_seed_is_the_same_schedule_and_another_is_another() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_every_number_comes_once_before_any_comes_again() -> None:
    numbers = {fault.number for fault in LIGHT}
    first = [stroke.fault.number for stroke in drawn(1)[: len(numbers)]]
    assert sorted(first) == sorted(numbers)


def test_every_fault_comes_some_time_within_its_bounds() -> None:
    strokes = drawn(1)
    assert {stroke.fault.name for stroke in strokes} == {fault.name for fault in LIGHT}
    for stroke in strokes:
        assert stroke.fault.seconds[0] <= stroke.seconds <= stroke.fault.seconds[1]
        assert stroke.victim in range(3)


def test_a_fault_seldom_breaks_what_the_one_before_broke() -> None:
    clashes = sum(bool({*one.fault.breaks} & {*other.fault.breaks} - {"victim"}) for one, other in pairwise(drawn(1)))
    assert clashes < MANY / 20


def test_two_faults_in_a_row_have_different_victims_where_there_are_several_replicas() -> None:
    assert all(one.victim != other.victim for one, other in pairwise(drawn(1)))
    assert {stroke.victim for stroke in drawn(1, replicas=1)} == {0}


def test_one_by_one_each_has_its_turn_in_the_order_of_the_matrix() -> None:
    strokes = list(in_order(LIGHT, seed=1, replicas=3))
    assert [stroke.fault for stroke in strokes] == LIGHT
    assert sum(stroke.after + stroke.seconds for stroke in strokes) < seconds_in_order(LIGHT)


def test_names_are_unique_and_numbers_of_the_matrix() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {int(fault.number.removeprefix("F")) for fault in FAULTS} <= set(range(1, 43))


def test_by_default_everything_is_chosen_that_is_light_and_can_be_made() -> None:
    plan = ChaosPlan()
    assert chosen(plan) == [fault for fault in LIGHT if not why_not(fault, plan)]


def test_faults_are_chosen_by_name_or_number_and_heavy_ones_by_name() -> None:
    assert [fault.name for fault in chosen(ChaosPlan(faults=("redis-kill-long", "F9")))] == [
        "redis-flushall", "redis-kill-long"
    ]  # fmt: skip
    assert [fault.name for fault in chosen(ChaosPlan(faults=("F10",)))] == ["redis-kill"]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(NoSuchFault, match="F99"):
        chosen(ChaosPlan(faults=("F99",)))


def test_a_crash_of_postgres_is_refused_where_commits_do_not_wait_for_the_disk() -> None:
    assert "F17" not in {fault.number for fault in chosen(ChaosPlan(fsync=False))}
    with pytest.raises(NoSuchFault, match="do not wait for the disk"):
        chosen(ChaosPlan(fsync=False, faults=("postgres-kill",)))
