"""Who goes with whom: properties that hold for any bucket."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import UserId
from domain.pairing import Pair, pair_up
from domain.request import Waiting
from tests.builders import ANN, BEN, CAT, DAN, waiting

_USERS = [UserId(f"u{number}") for number in range(12)]


@st.composite
def heads(draw: st.DrawFn) -> list[Waiting]:
    """One bucket's head, oldest first; some avoid somebody, who need not be there."""
    users = draw(st.lists(st.sampled_from(_USERS), unique=True))
    avoided = st.one_of(st.none(), st.sampled_from(_USERS))
    return [Waiting(user_id, float(moment), draw(avoided)) for moment, user_id in enumerate(users)]


def users_of(pairs: Sequence[Pair]) -> list[UserId]:
    return [one.user_id for pair in pairs for one in pair]


def avoids(one: Waiting, other: Waiting) -> bool:
    return one.avoid == other.user_id or other.avoid == one.user_id


@given(heads(), st.booleans())
def test_nobody_is_paired_twice_or_with_themselves(head: list[Waiting], everyone: bool) -> None:
    users = users_of(pair_up(head, everyone=everyone))
    assert len(users) == len(set(users))


@given(heads(), st.booleans())
def test_only_those_who_wait_are_paired_and_with_their_own_places(head: list[Waiting], everyone: bool) -> None:
    assert {one for pair in pair_up(head, everyone=everyone) for one in pair} <= set(head)


@given(heads(), st.booleans())
def test_in_every_pair_the_one_who_waits_longer_comes_first(head: list[Waiting], everyone: bool) -> None:
    assert all(pair.first.since < pair.second.since for pair in pair_up(head, everyone=everyone))


@given(heads(), st.booleans())
def test_two_who_failed_together_meet_again_only_when_that_is_said(head: list[Waiting], everyone: bool) -> None:
    for pair in pair_up(head, everyone=everyone):
        assert pair.again == avoids(pair.first, pair.second)


@given(heads())
def test_two_who_failed_together_never_meet_again_while_others_may_wait(head: list[Waiting]) -> None:
    assert not any(avoids(pair.first, pair.second) for pair in pair_up(head, everyone=False))


@given(heads())
def test_nobody_is_left_who_could_go_with_another_who_is_left(head: list[Waiting]) -> None:
    paired = users_of(pair_up(head, everyone=False))
    left = [one for one in head if one.user_id not in paired]
    assert all(avoids(one, other) for one in left for other in left if one is not other)


@given(heads())
def test_with_everyone_there_at_most_one_stays_alone(head: list[Waiting]) -> None:
    assert len(users_of(pair_up(head, everyone=True))) == len(head) // 2 * 2


@given(st.lists(st.sampled_from(_USERS), unique=True), st.booleans())
def test_who_avoids_nobody_is_paired_strictly_in_the_order_of_the_queue(users: list[UserId], everyone: bool) -> None:
    head = [waiting(user_id, float(moment)) for moment, user_id in enumerate(users)]
    pairs = [(pair.first.user_id, pair.second.user_id) for pair in pair_up(head, everyone=everyone)]
    assert pairs == list(zip(users[::2], users[1::2], strict=False))


@given(heads())
def test_the_oldest_gets_the_oldest_they_may_meet(head: list[Waiting]) -> None:
    pairs = pair_up(head, everyone=False)
    partners = [other for other in head[1:] if not avoids(head[0], other)]
    if partners:
        assert Pair(head[0], partners[0]) in pairs


def test_two_who_failed_together_go_with_others_who_wait() -> None:
    head = [waiting(ANN, 1, avoid=BEN), waiting(BEN, 2, avoid=ANN), waiting(CAT, 3), waiting(DAN, 4)]
    assert users_of(pair_up(head, everyone=True)) == [ANN, CAT, BEN, DAN]


def test_two_who_failed_together_and_are_alone_meet_again() -> None:
    head = [waiting(ANN, 1, avoid=BEN), waiting(BEN, 2, avoid=ANN)]
    assert pair_up(head, everyone=True) == [Pair(head[0], head[1], again=True)]
    assert pair_up(head, everyone=False) == []
