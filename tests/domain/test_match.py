"""The whole table: what a match in each state answers to each command."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import Conflict, MatchClosed, MatchNotFound, SessionAlreadyOpened
from domain.match import Match, MatchState
from domain.reasons import EndReason
from tests.builders import ANN, BEN, CAT, NOON, a_match, a_question

OPEN, TOO_LATE = None, SessionAlreadyOpened

# state, and what is said to a yes or a no in it
TABLE = {
    MatchState.PROPOSED: OPEN,
    MatchState.CONFIRMED: TOO_LATE,
    MatchState.READY: TOO_LATE,
    MatchState.CLOSED: TOO_LATE,
    MatchState.DECLINED: EndReason.DECLINED,
    MatchState.EXPIRED: EndReason.CONFIRMATION_TIMEOUT,
    MatchState.FAILED: EndReason.SESSION_UNAVAILABLE,
}


def test_the_table_knows_every_state() -> None:
    assert TABLE.keys() == set(MatchState)


@pytest.mark.parametrize(("state", "answer"), TABLE.items())
def test_a_match_says_the_truth_to_whoever_comes_too_late(state: MatchState, answer: object) -> None:
    match = a_match(state)
    if answer is OPEN:
        match.expect_open()
        return
    with pytest.raises(Conflict) as raised:
        match.expect_open()
    assert getattr(raised.value, "match_id", None) == match.id
    if answer is TOO_LATE:
        assert isinstance(raised.value, SessionAlreadyOpened)
        assert raised.value.session_id == match.session_id
    else:
        assert isinstance(raised.value, MatchClosed)
        assert raised.value.reason is answer


def test_a_match_whose_deadline_has_passed_is_closed_before_anybody_wrote_it_down() -> None:
    with pytest.raises(MatchClosed) as raised:
        a_match(MatchState.PROPOSED, overdue=True).expect_open()
    assert raised.value.reason is EndReason.CONFIRMATION_TIMEOUT


@pytest.mark.parametrize("state", [state for state in MatchState if state is not MatchState.PROPOSED])
def test_only_a_proposed_match_minds_being_overdue(state: MatchState) -> None:
    answers = [type_of_answer(a_match(state, overdue=overdue)) for overdue in (False, True)]
    assert answers[0] == answers[1]


def type_of_answer(match: Match) -> type[Conflict] | None:
    try:
        match.expect_open()
    except Conflict as conflict:
        return type(conflict)
    return None


@pytest.mark.parametrize("state", MatchState)
def test_a_stranger_is_told_that_there_is_no_such_match_in_any_state(state: MatchState) -> None:
    match = a_match(state)
    for ask in (match.seat_of, match.partner_of):
        with pytest.raises(MatchNotFound):
            ask(CAT)


@pytest.mark.parametrize("state", MatchState)
def test_each_is_the_others_partner(state: MatchState) -> None:
    match = a_match(state, first=ANN, second=BEN)
    assert match.partner_of(ANN) is match.second is match.seat_of(BEN)
    assert match.partner_of(BEN) is match.first is match.seat_of(ANN)


@pytest.mark.parametrize("state", MatchState)
def test_a_session_is_seen_only_once_it_can_be_read(state: MatchState) -> None:
    match = a_match(state, question=a_question())
    assert (match.session is not None) == (state in (MatchState.READY, MatchState.CLOSED))


@pytest.mark.parametrize("state", MatchState)
def test_an_end_has_a_reason_and_anything_else_has_none(state: MatchState) -> None:
    assert (a_match(state).end_reason is not None) == isinstance(TABLE[state], EndReason)


def test_the_session_of_a_confirmed_match_is_the_same_whoever_opens_it() -> None:
    match, question = a_match(MatchState.CONFIRMED), a_question()
    once, again = match.session_about(question), match.session_about(question)
    assert once == again
    assert (once.id, once.match_id, once.users) == (match.session_id, match.id, (ANN, BEN))
    assert once.created_at == match.confirmed_at == NOON + timedelta(seconds=5)


@pytest.mark.parametrize("state", [MatchState.PROPOSED, MatchState.DECLINED, MatchState.EXPIRED])
def test_a_match_that_was_never_confirmed_has_no_session_to_talk_about(state: MatchState) -> None:
    with pytest.raises(ValueError, match="not confirmed"):
        a_match(state).session_about(a_question())


@pytest.mark.parametrize(("asker", "partner"), [(ANN, BEN), (BEN, ANN)])
def test_a_session_knows_ones_partner(asker: str, partner: str) -> None:
    session = a_match(MatchState.CONFIRMED).session_about(a_question())
    assert [session.partner_of(user) for user in session.users if user == asker] == [partner]


def test_every_state_is_reached_from_where_the_drawing_says() -> None:
    """The drawing in the docstring names every state, and both ends of every arrow exist."""
    drawing = Match.__doc__ or ""
    for state in MatchState:
        assert state.name in drawing
