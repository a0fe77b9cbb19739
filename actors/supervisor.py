"""The match supervisor: confirmations, refusals and deadlines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import assert_never

import structlog
from uuid_utils import uuid7

from actors.announcements import Announcements
from actors.messages import (
    BucketMessage,
    Confirm,
    Confirmed,
    ConfirmTimeElapsed,
    Decline,
    MarkTimeElapsed,
    OpenSession,
    Paired,
    Recall,
    Requeue,
    Resume,
    SessionFailed,
    SessionMessage,
    SessionOpened,
    SupervisorMessage,
)
from actors.ports import Matches, Meter, Notifier
from actors.runtime import Actor, Address, Promise
from domain import requeue
from domain.errors import MatchNotFound, NoAnswer, SessionUnavailable
from domain.ids import MatchId, SessionId, UserId
from domain.match import Match, MatchState
from domain.news import PartnerConfirmed
from domain.request import Bucket
from domain.requeue import Ending
from domain.session import Session

log = structlog.get_logger()

SLACK_SECONDS = 0.02
"""How much later than by its own clock the supervisor asks PostgreSQL whether time is up."""

AGAIN_SECONDS = 0.25
"""How long until it asks again, at least, when a deadline turns out not to have passed."""

MARK_SECONDS = 0.5
"""How long announcements are collected before they are marked as made."""


class MatchSupervisor(Actor[SupervisorMessage]):
    """Tracks every match from the moment it is committed until it is ready, declined, expired or failed.

    A yes is one conditional statement, shared with all others that wait.  Endings are rare: read the
    match, decide purely, write it if it is still as read.  The row decides every race.
    """

    def __init__(
        self,
        *,
        matches: Matches,
        notifier: Notifier,
        meter: Meter,
        buckets: Callable[[Bucket], Address[BucketMessage]],
        sessions: Address[SessionMessage],
        confirm_seconds: float,
    ) -> None:
        super().__init__()
        self._matches = matches
        self._notifier = notifier
        self._meter = meter
        self._buckets = buckets
        self._sessions = sessions
        self._confirm_seconds = confirm_seconds
        self._deadlines: dict[MatchId, asyncio.TimerHandle] = {}
        self._openings: dict[MatchId, Promise[Session]] = {}
        self._announcements = Announcements(
            notifier=notifier, matches=matches, first=lambda: self.remind(MARK_SECONDS, MarkTimeElapsed())
        )

    async def receive(self, message: SupervisorMessage) -> object:
        """Whatever needs the stores is an errand: a slow match never holds up the others."""
        match message:
            case Paired(match):
                self._mind(match)
            case Confirm(match_id, user_id):
                return self.errand(self._confirm(match_id, user_id))
            case Decline(match_id, user_id):
                return self.errand(self._decline(match_id, user_id))
            case ConfirmTimeElapsed(match_id):
                self._deadlines.pop(match_id, None)
                self.chore(self._expire(match_id))
            case Resume(match):
                self._open(match)
            case Recall(match):
                self._announcements.again(match)
            case SessionOpened(session):
                self._finish(session)
            case SessionFailed(match_id, for_good):
                self._give_up(match_id, for_good=for_good)
            case MarkTimeElapsed():
                self.chore(self._announcements.mark())
            case _ as unknown:
                assert_never(unknown)
        return None

    async def stopped(self) -> None:
        """Mark what was announced last."""
        await self._announcements.mark()

    # -- proposed --------------------------------------------------------------------------------

    def _mind(self, match: Match) -> None:
        self._deadlines[match.id] = self.remind(self._confirm_seconds + SLACK_SECONDS, ConfirmTimeElapsed(match.id))
        self._announcements.found(match)
        log.info("matched", action="match_found", match_id=match.id, users=match.users, bucket=str(match.bucket))

    async def _confirm(self, match_id: MatchId, user_id: UserId) -> Confirmed | Session | Promise[Session]:
        [outcome] = await self._matches.confirm([(match_id, user_id, SessionId(str(uuid7())))])
        if outcome is None:
            return await self._explain(match_id, user_id)
        match, is_news = outcome
        if match.state is MatchState.CONFIRMED:
            if is_news and match.confirmed_at is not None and match_id not in self._openings:
                self._meter.confirmed((match.confirmed_at - match.created_at).total_seconds())
            return self._open(match)
        if is_news:
            self._notifier.tell(match.partner_of(user_id).user_id, PartnerConfirmed(match_id=match_id))
        return Confirmed(match_id)

    async def _explain(self, match_id: MatchId, user_id: UserId) -> Session | Promise[Session]:
        """Answer a yes that came to a match which is not open, or not the user's."""
        match = await self._get(user_id, match_id)
        if match.state is MatchState.CONFIRMED:
            return self._open(match)
        if match.session is not None:
            return match.session
        match.expect_open()
        raise NoAnswer  # open after all: the yes was lost on the way, and may be repeated

    # -- ended without a session -----------------------------------------------------------------

    async def _decline(self, match_id: MatchId, user_id: UserId) -> Ending:
        while True:  # a match only moves forward: few turns
            match = await self._get(user_id, match_id)
            if match.state is MatchState.DECLINED and match.declined_by == user_id:
                return requeue.recall(match)
            if match.overdue:
                await self._end(requeue.expire(match))
                continue
            ending = requeue.decline(match, user_id)
            if await self._end(ending):
                return ending

    async def _expire(self, match_id: MatchId) -> None:
        while True:
            match = await self._matches.get(match_id)
            if match is None or match.state is not MatchState.PROPOSED:
                self._settle(match_id)
                return
            if not match.overdue:
                left = (match.deadline - datetime.now(UTC)).total_seconds()  # moved, or our clock is ahead
                pause = min(max(left + SLACK_SECONDS, AGAIN_SECONDS), self._confirm_seconds + SLACK_SECONDS)
                self._deadlines[match_id] = self.remind(pause, ConfirmTimeElapsed(match_id))
                return
            if await self._end(requeue.expire(match)):
                return

    def _give_up(self, match_id: MatchId, *, for_good: bool) -> None:
        self._openings.pop(match_id, None)
        if for_good:
            self.chore(self._fail_match(match_id))

    async def _fail_match(self, match_id: MatchId) -> None:
        match = await self._matches.get(match_id)
        if match is not None and match.state is MatchState.CONFIRMED:
            await self._end(requeue.fail(match))

    async def _end(self, ending: Ending) -> bool:
        """Write *ending*, requeue who is to be requeued, tell both; False when the match has changed."""
        pending = await self._matches.end(ending)
        if pending is None:
            return False
        match = ending.match
        self._settle(match.id)
        for request in pending:
            self._buckets(request.bucket).tell(Requeue(request))
        self._announcements.ended(ending)
        self._meter.match_ended(match.bucket, ending.reason)
        log.info("match ended", action="match_expired", match_id=match.id, reason=ending.reason, users=match.users)
        return True

    # -- confirmed -------------------------------------------------------------------------------

    def _open(self, match: Match) -> Promise[Session]:
        """The promise of the match's session: made once, shared by all who ask."""
        self._settle(match.id)
        opening = self._openings.get(match.id)
        if opening is None:
            opening = self._openings[match.id] = self._sessions.ask(OpenSession(match))
            self.pipe(
                opening, SessionOpened, lambda error: SessionFailed(match.id, isinstance(error, SessionUnavailable))
            )
        return opening

    def _finish(self, session: Session) -> None:
        self._openings.pop(session.match_id, None)
        self._announcements.ready(session)
        log.info("session opened", action="match_ready", match_id=session.match_id, session_id=session.id)

    # -- in common -------------------------------------------------------------------------------

    async def _get(self, user_id: UserId, match_id: MatchId) -> Match:
        """A match of the user's; strangers are told what they would be told of an unknown id, as fast."""
        match = await self._matches.of_user(user_id, match_id)
        if match is None:
            raise MatchNotFound(match_id)
        return match

    def _settle(self, match_id: MatchId) -> None:
        if reminder := self._deadlines.pop(match_id, None):
            reminder.cancel()
