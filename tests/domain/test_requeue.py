"""Who goes back to the queue: the rules of the game, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import requeue
from domain.errors import MatchClosed, MatchNotFound, SessionAlreadyOpened
from domain.match import Match, MatchState
from domain.reasons import EndReason
from domain.request import RequestStatus
from domain.requeue import Ending
from tests.builders import ANN, BEN, CAT, a_match

WAITS_AGAIN, CANCELLED, TIMED_OUT = RequestStatus.PENDING, RequestStatus.CANCELLED, RequestStatus.TIMED_OUT


def a_match_of(ann_confirmed: bool, ben_confirmed: bool) -> Match:
    match = a_match(first=ANN, second=BEN)
    first, second = (
        replace(seat, confirmed=confirmed)
        for seat, confirmed in zip(match.participants, (ann_confirmed, ben_confirmed), strict=True)
    )
    return replace(match, first=first, second=second)


def outcomes(ending: Ending) -> tuple[RequestStatus, RequestStatus]:
    first, second = ending.match.participants
    return ending.outcome(first), ending.outcome(second)


@pytest.mark.parametrize("ann_confirmed", [True, False])
@pytest.mark.parametrize("ben_confirmed", [True, False])
def test_whoever_declines_is_cancelled_and_the_partner_waits_again(ann_confirmed: bool, ben_confirmed: bool) -> None:
    match = a_match_of(ann_confirmed, ben_confirmed)
    assert outcomes(requeue.decline(match, ANN)) == (CANCELLED, WAITS_AGAIN)
    assert outcomes(requeue.decline(match, BEN)) == (WAITS_AGAIN, CANCELLED)


@pytest.mark.parametrize(
    ("ann_confirmed", "ben_confirmed", "expected"),
    [
        (True, False, (WAITS_AGAIN, TIMED_OUT)),
        (False, True, (TIMED_OUT, WAITS_AGAIN)),
        (False, False, (TIMED_OUT, TIMED_OUT)),
    ],
)
def test_when_time_is_up_who_confirmed_waits_again_and_who_did_not_is_timed_out(
    ann_confirmed: bool, ben_confirmed: bool, expected: tuple[RequestStatus, RequestStatus]
) -> None:
    match = a_match_of(ann_confirmed, ben_confirmed)
    assert outcomes(requeue.expire(match)) == expected


def test_when_no_session_could_be_opened_both_wait_again() -> None:
    assert outcomes(requeue.fail(a_match(MatchState.CONFIRMED))) == (WAITS_AGAIN, WAITS_AGAIN)


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (requeue.decline(a_match(), ANN), EndReason.DECLINED),
        (requeue.expire(a_match()), EndReason.CONFIRMATION_TIMEOUT),
        (requeue.fail(a_match(MatchState.CONFIRMED)), EndReason.SESSION_UNAVAILABLE),
    ],
)
def test_both_are_told_the_same_reason(ending: Ending, reason: EndReason) -> None:
    assert ending.reason is reason


def test_a_stranger_cannot_decline() -> None:
    with pytest.raises(MatchNotFound):
        requeue.decline(a_match(), CAT)


@pytest.mark.parametrize("state", MatchState)
def test_a_stranger_learns_nothing_by_declining_in_any_state(state: MatchState) -> None:
    with pytest.raises(MatchNotFound):
        requeue.decline(a_match(state), CAT)


@pytest.mark.parametrize("state", [MatchState.CONFIRMED, MatchState.READY, MatchState.CLOSED])
def test_declining_is_too_late_once_both_confirmed(state: MatchState) -> None:
    with pytest.raises(SessionAlreadyOpened):
        requeue.decline(a_match(state), ANN)


@pytest.mark.parametrize("state", [MatchState.DECLINED, MatchState.EXPIRED, MatchState.FAILED])
def test_declining_an_ended_match_says_how_it_ended(state: MatchState) -> None:
    match = a_match(state)
    with pytest.raises(MatchClosed) as raised:
        requeue.decline(match, BEN)
    assert raised.value.reason is match.end_reason


@pytest.mark.parametrize("state", [MatchState.DECLINED, MatchState.EXPIRED, MatchState.FAILED])
def test_an_ending_can_be_recalled_as_it_was(state: MatchState) -> None:
    match = a_match(state)
    ending = requeue.recall(match)
    assert (ending.state, ending.declined_by, ending.reason) == (state, match.declined_by, match.end_reason)
