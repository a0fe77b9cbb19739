"""What users and sibling services are told, built from what happened."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from domain import events, news, requeue
from domain.ids import UserId
from domain.match import MatchState
from domain.news import MatchExpired, MatchFound, MatchReady, News
from domain.reasons import EndReason
from domain.request import Difficulty, RequestStatus
from domain.requeue import Ending
from tests.builders import ANN, BEN, CAT, a_match, a_request, a_session


@pytest.mark.parametrize(("user_id", "partner_id"), [(ANN, BEN), (BEN, ANN)])
def test_a_found_match_names_the_partner_the_bucket_and_the_deadline(user_id: UserId, partner_id: UserId) -> None:
    match = a_match()
    assert MatchFound.to(user_id, match) == MatchFound(
        match_id=match.id,
        partner_id=partner_id,
        difficulty=Difficulty.EASY,
        topic="Array",
        expires_at=match.deadline,
    )


@pytest.mark.parametrize(("user_id", "partner_id"), [(ANN, BEN), (BEN, ANN)])
def test_a_ready_match_names_the_session_the_question_and_the_partner(user_id: UserId, partner_id: UserId) -> None:
    session = a_session()
    assert MatchReady.to(user_id, session) == MatchReady(
        match_id=session.match_id,
        session_id=session.id,
        question_id=session.question.id,
        partner_id=partner_id,
    )


@pytest.mark.parametrize(
    ("ending", "reason", "requeued"),
    [
        (requeue.decline(a_match(), ANN), EndReason.DECLINED, (False, True)),
        (requeue.decline(a_match(), BEN), EndReason.DECLINED, (True, False)),
        (requeue.expire(a_match()), EndReason.CONFIRMATION_TIMEOUT, (False, False)),
        (requeue.fail(a_match(MatchState.CONFIRMED)), EndReason.SESSION_UNAVAILABLE, (True, True)),
    ],
)
def test_an_expired_match_says_why_and_whether_one_waits_again(
    ending: Ending, reason: EndReason, requeued: tuple[bool, bool]
) -> None:
    for seat, waits_again in zip(ending.match.participants, requeued, strict=True):
        assert MatchExpired.to(seat.user_id, ending) == MatchExpired(
            match_id=ending.match.id, reason=reason, requeued=waits_again, request_id=seat.request_id
        )


def test_news_of_a_match_cannot_be_made_for_a_stranger() -> None:
    match = a_match()
    for build in (lambda: MatchFound.to(CAT, match), lambda: MatchExpired.to(CAT, requeue.expire(match))):
        with pytest.raises(Exception, match=match.id):
            build()


@pytest.mark.parametrize("kind", [*get_args(News), *get_args(events.Event), news.Snapshot, events.Outgoing])
def test_news_and_events_are_frozen_and_slotted(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert "__slots__" in vars(kind)
    assert vars(kind)["__dataclass_params__"].frozen


def test_a_request_is_live_while_it_keeps_its_owner_from_asking_for_something_else() -> None:
    live = {status for status in RequestStatus if status.is_live}
    assert live == {RequestStatus.PENDING, RequestStatus.MATCHED}


def test_a_bucket_is_spelled_as_its_key() -> None:
    assert str(a_request().bucket) == "easy:Array"
