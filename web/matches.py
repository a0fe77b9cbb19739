"""Saying yes or no to a partner."""

from __future__ import annotations

from typing import assert_never

from actors.matchmaker import Preparing
from actors.messages import Confirmed
from domain.errors import MatchClosed, MatchNotFound
from domain.ids import MatchId, UserId
from domain.request import RequestStatus
from domain.requeue import Ending
from domain.session import Session
from web.calls import Call, Reply
from web.errors import closed
from web.inputs import Verdict
from web.schemas import MatchDeclined, MatchStatus, PreparingSession, SessionReady, WaitingForPartner


async def decide(call: Call[Verdict]) -> Reply:
    """Confirm or decline a match; repeating it gets the same answer."""
    match_id = MatchId(call.body.match_id)
    if not call.body.confirmed:
        return _declined(await call.services.matchmaker.decline(call.user_id, match_id), call.user_id)
    outcome = await call.services.matchmaker.confirm(call.user_id, match_id)
    match outcome:
        case Confirmed():
            return Reply(WaitingForPartner(match_id=match_id))
        case Preparing():
            return Reply(PreparingSession(match_id=match_id), 202)
        case Session():
            return Reply(_ready(outcome, call.user_id))
        case _:
            assert_never(outcome)


def _declined(ending: Ending, user_id: UserId) -> Reply:
    partner = ending.match.partner_of(user_id)
    return Reply(
        MatchDeclined(requeued_partner=ending.outcome(partner) is RequestStatus.PENDING, match_id=ending.match.id)
    )


def _ready(session: Session, user_id: UserId) -> SessionReady:
    return SessionReady(
        match_id=session.match_id,
        session_id=session.id,
        question_id=session.question.id,
        partner_id=session.partner_of(user_id),
    )


async def status(call: Call[None]) -> Reply:
    """How a match stands; 404 with the reason once it has ended without a session."""
    match = await call.services.reads.match(call.user_id, MatchId(call.id("match_id", MatchNotFound)))
    if match is None:
        raise MatchNotFound
    if match.end_reason is not None:
        raise closed(MatchClosed(match.id, match.end_reason))
    session = match.session
    return Reply(
        MatchStatus(
            confirm_status=session is not None,
            session_id=session.id if session else None,
            status=match.state,
            you_confirmed=match.seat_of(call.user_id).confirmed,
            partner_confirmed=match.partner_of(call.user_id).confirmed,
            expires_at=match.deadline,
        )
    )
