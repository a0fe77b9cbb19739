"""The session actor: opens sessions, announces them, and lets people out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import assert_never

import structlog
from uuid_utils import uuid7

from actors.messages import EventsWaiting, LeaveSession, OpenSession, RelayMessage, SessionMessage
from actors.ports import Matches, Meter, Notifier, Openings, Questions, Sessions
from actors.runtime import Actor, Address
from domain.errors import (
    Conflict,
    MatchClosed,
    MatchNotFound,
    NoAnswer,
    NotFound,
    SessionNotFound,
    SessionUnavailable,
    Unavailable,
)
from domain.events import MatchFoundEvent, SessionLeftEvent
from domain.ids import EventId, SessionId, UserId
from domain.match import Match, MatchState
from domain.news import PartnerLeft
from domain.session import Question, Session

log = structlog.get_logger()

RETRY_SECONDS = 1.0
"""Between two attempts to open a session, beyond the retries of the clients themselves."""


class SessionActor(Actor[SessionMessage]):
    """Opens the session of a match that both confirmed, and lets people out again.

    Every step of opening may be repeated, by this process or another: the question that came with the
    pair, or was kept first, stays, the Redis hash is written only if it is missing, and one transaction
    makes the match ready and puts the event in the outbox.
    """

    def __init__(
        self,
        *,
        matches: Matches,
        openings: Openings,
        sessions: Sessions,
        questions: Questions,
        notifier: Notifier,
        meter: Meter,
        relay: Address[RelayMessage],
        budget_seconds: float,
    ) -> None:
        super().__init__()
        self._matches = matches
        self._openings = openings
        self._sessions = sessions
        self._questions = questions
        self._notifier = notifier
        self._meter = meter
        self._relay = relay
        self._budget_seconds = budget_seconds

    async def receive(self, message: SessionMessage) -> object:
        """Each is an errand: questions may be slow, and sessions open side by side."""
        match message:
            case OpenSession(match):
                return self.errand(self._open_in_time(match))
            case LeaveSession(session_id, user_id):
                return self.errand(self._leave(session_id, user_id))
            case _ as unknown:
                assert_never(unknown)

    # -- opening ---------------------------------------------------------------------------------

    async def _open_in_time(self, match: Match) -> Session:
        """Try until the time is up, and at least once: a process that was away for long still tries."""
        clock = asyncio.get_running_loop().time
        confirmed = clock() - match.confirmed_for
        while True:
            try:
                return await self._open(match, confirmed)
            except (Conflict, NotFound):
                raise
            except Exception as error:
                left = confirmed + self._budget_seconds - clock()
                unexpected = None if isinstance(error, Unavailable) else error
                log.warning(
                    "session waits", action="session_retry", match_id=match.id, error=repr(error), exc_info=unexpected
                )
                if left <= 0:
                    raise SessionUnavailable(match.id) from error
                await asyncio.sleep(min(RETRY_SECONDS, left))

    async def _open(self, match: Match, confirmed: float) -> Session:
        question = match.question or await self._chosen(match)
        if question is None:
            return await self._opened_elsewhere(match)
        session = match.session_about(question)
        await self._sessions.create(session)
        event = MatchFoundEvent(event_id=_new_event_id(), occurred_at=session.created_at, session=session)
        if not await self._openings.ready(session, event):
            return await self._opened_elsewhere(match)
        self._relay.tell(EventsWaiting())
        self._meter.session_opened(asyncio.get_running_loop().time() - confirmed)
        self._meter.match_ended(match.bucket, MatchState.READY)
        return session

    async def _chosen(self, match: Match) -> Question | None:
        """The question of a match that was paired without one; None when it is not confirmed any more."""
        return await self._openings.keep_question(match.id, await self._questions.pick(match.bucket))

    async def _opened_elsewhere(self, match: Match) -> Session:
        now = await self._matches.get(match.id)
        if now is None:
            raise MatchNotFound(match.id)
        if now.session is not None:
            return now.session
        if now.end_reason is not None:
            raise MatchClosed(match.id, now.end_reason)
        raise NoAnswer

    # -- leaving ---------------------------------------------------------------------------------

    async def _leave(self, session_id: SessionId, user_id: UserId) -> bool:
        while True:  # two people: at most one can come between
            match = await self._matches.of_session(user_id, session_id)
            if match is None or match.session is None:
                raise SessionNotFound(session_id)
            if match.seat_of(user_id).left:
                return False
            partner = match.partner_of(user_id)
            event = SessionLeftEvent(
                event_id=_new_event_id(),
                occurred_at=datetime.now(UTC),
                session_id=session_id,
                user_id=user_id,
                remaining=() if partner.left else (partner.user_id,),
            )
            if await self._openings.leave(match, user_id, event):
                break
        if not partner.left:
            self._notifier.tell(partner.user_id, PartnerLeft(session_id=session_id, user_id=user_id))
        self._relay.tell(EventsWaiting())
        log.info("left", action="session_left", session_id=session_id, user_id=user_id)
        return True


def _new_event_id() -> EventId:
    return EventId(str(uuid7()))
