"""The front door: finds the mailbox, asks, returns the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from uuid_utils import uuid7

from actors.buckets import Buckets
from actors.messages import (
    Confirm,
    Confirmed,
    Decline,
    Enqueue,
    LeaveSession,
    SessionMessage,
    SupervisorMessage,
    Withdraw,
)
from actors.ports import Matches, Requests
from actors.runtime import Address, Promise
from domain.errors import MatchClosed, MatchNotFound, NoAnswer, RequestNotFound, RequestTimedOut
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import MatchState
from domain.request import Admission, Bucket, RequestStatus
from domain.requeue import Ending
from domain.session import Session

R = TypeVar("R")

MOST_TURNS = 20
"""How often a cancellation follows a request that changes under it before it gives up."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """Both confirmed; the session takes longer than the answer may wait."""

    match_id: MatchId


class Matchmaker:
    """What a user can do.  Every method may raise :class:`~domain.errors.Unavailable`: try again."""

    def __init__(
        self,
        *,
        requests: Requests,
        matches: Matches,
        buckets: Buckets,
        supervisor: Address[SupervisorMessage],
        sessions: Address[SessionMessage],
        answer_seconds: float,
        session_answer_seconds: float,
    ) -> None:
        self._requests = requests
        self._matches = matches
        self._buckets = buckets
        self._supervisor = supervisor
        self._sessions = sessions
        self._answer_seconds = answer_seconds
        self._session_answer_seconds = session_answer_seconds

    async def find(self, user_id: UserId, bucket: Bucket) -> Admission:
        """Let the user wait in *bucket*.  Raises ``LiveRequestExists``."""
        request_id = RequestId(str(uuid7()))
        return await self._in_time(self._buckets.admit(bucket).ask(Enqueue(request_id, user_id)))

    async def cancel(self, user_id: UserId, request_id: RequestId) -> None:
        """End the user's request, declining the match it may be in.

        Raises ``RequestNotFound``, ``RequestTimedOut``, ``SessionAlreadyOpened``.
        """
        for _ in range(MOST_TURNS):
            if await self._cancelled(user_id, request_id):
                return
        raise NoAnswer

    async def _cancelled(self, user_id: UserId, request_id: RequestId) -> bool:
        """Whether it is done; False when the request changed meanwhile, and is to be looked at again."""
        request = await self._requests.get(user_id, request_id)
        if request is None:
            raise RequestNotFound(request_id)
        match request.status:
            case RequestStatus.CANCELLED:
                return True
            case RequestStatus.PENDING:
                return await self._in_time(self._buckets(request.bucket).ask(Withdraw(request)))
            case RequestStatus.TIMED_OUT:
                raise RequestTimedOut(request_id)
            case RequestStatus.MATCHED | RequestStatus.CONFIRMED if request.match_id is not None:
                return await self._declined(user_id, request.match_id)
            case _:
                raise RequestNotFound(request_id)

    async def _declined(self, user_id: UserId, match_id: MatchId) -> bool:
        try:
            await self.decline(user_id, match_id)
        except MatchClosed:
            return False
        return True

    async def confirm(self, user_id: UserId, match_id: MatchId) -> Confirmed | Preparing | Session:
        """Say yes.  Raises ``MatchNotFound``, ``MatchClosed``."""
        answer = self._supervisor.ask(Confirm(match_id, user_id))
        try:
            return await answer.within(self._session_answer_seconds)
        except TimeoutError:
            return await self._so_far(match_id, user_id)

    async def _so_far(self, match_id: MatchId, user_id: UserId) -> Confirmed | Preparing | Session:
        """What became of a yes whose answer may not be waited for any longer."""
        match = await self._matches.of_user(user_id, match_id)
        if match is None:
            raise MatchNotFound(match_id)
        seat = match.seat_of(user_id)
        if match.session is not None:
            return match.session
        if match.state is MatchState.CONFIRMED:
            return Preparing(match_id)
        match.expect_open()
        if not seat.confirmed:
            raise NoAnswer
        return Confirmed(match_id)

    async def decline(self, user_id: UserId, match_id: MatchId) -> Ending:
        """Say no.  Raises ``MatchNotFound``, ``MatchClosed``, ``SessionAlreadyOpened``."""
        return await self._in_time(self._supervisor.ask(Decline(match_id, user_id)))

    async def leave(self, user_id: UserId, session_id: SessionId) -> bool:
        """Leave a session; whether the user was still in it.  Raises ``SessionNotFound``."""
        return await self._in_time(self._sessions.ask(LeaveSession(session_id, user_id)))

    async def _in_time(self, answer: Promise[R]) -> R:
        try:
            return await answer.within(self._answer_seconds)
        except TimeoutError:
            raise NoAnswer from None
