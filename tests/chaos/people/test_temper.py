from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.people.shift import Shift
from tests.chaos.people.temper import BUCKETS, Mood, Temper
from tests.chaos.plan import ChaosPlan
from tests.chaos.worker import arrivals

MANY = [Temper.of(1, number) for number in range(3000)]


def share(count: int, of: int = len(MANY)) -> float:
    return round(100 * count / of)


def shifts(seed: int, of: int) -> list[Shift]:
    return Shift.deal(ChaosPlan(seed=seed, seconds=20, rate=50), [], "", most=10, of=of)


def test_the_same_seed_makes_the_same_crowd_and_another_one_another() -> None:
    assert [Temper.of(1, number) for number in range(3000)] == MANY
    assert all(Temper.of(2, number) != MANY[number] for number in range(100))
    assert [list(arrivals(one)) for one in shifts(1, 2)] == [list(arrivals(one)) for one in shifts(1, 2)]
    assert list(arrivals(shifts(1, 1)[0])) != list(arrivals(shifts(2, 1)[0]))


def test_ids_are_told_apart_by_seed_and_number() -> None:
    assert (MANY[17].user_id, Temper.of(2, 17).user_id) == ("u1-17", "u2-17")


def test_users_arrive_at_the_rate_however_many_processes_there_are() -> None:
    for of in (1, 3):
        moments = [moment for one in shifts(1, of) for moment in arrivals(one)]
        assert 850 < len(moments) < 1150
        assert all(0 < moment < 20 for moment in moments)


def test_there_is_somebody_of_every_kind() -> None:
    tabs = Counter(one.tabs for one in MANY)
    assert [share(tabs[count]) for count in (0, 1, 2)] == [pytest.approx(wanted, abs=2) for wanted in (15, 75, 10)]
    assert 8 <= share(sum(one.copies == 3 for one in MANY)) <= 12
    assert 6 <= share(sum(bool(one.pries) for one in MANY)) <= 10
    assert 37 <= share(sum(len(one.rounds) > 1 for one in MANY)) <= 43


def test_every_answer_is_given_by_some() -> None:
    rounds = [plan for one in MANY for plan in one.rounds]
    moods = Counter(plan.moods[0][0] for plan in rounds)
    assert 65 <= share(moods[Mood.CONFIRM], len(rounds)) <= 75
    assert all(2 <= share(moods[mood], len(rounds)) <= 7 for mood in (Mood.DECLINE, Mood.IGNORE, Mood.CANCEL))
    assert 2 <= share(sum(plan.cancels_after is not None for plan in rounds), len(rounds)) <= 6
    assert 8 <= share(sum(plan.changes_replica is not None for plan in rounds), len(rounds)) <= 12
    again = Counter(plan.asks_again_for == plan.bucket for plan in rounds if plan.asks_again_for is not None)
    assert again.keys() == {True, False}
    assert {plan.leaves for plan in rounds} == {0, 1, 2}


def test_some_buckets_are_full_and_some_nearly_empty() -> None:
    wanted = Counter(one.rounds[0].bucket for one in MANY)
    assert wanted.keys() == set(BUCKETS)
    assert wanted[BUCKETS[0]] > 5 * wanted[BUCKETS[-1]]
