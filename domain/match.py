"""Two requests put together, and what their owners make of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.errors import MatchClosed, MatchNotFound, SessionAlreadyOpened
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.reasons import EndReason
from domain.request import Bucket
from domain.session import Question, Session


class MatchState(StrEnum):
    """Where a match stands."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    READY = "ready"
    CLOSED = "closed"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


END_REASONS = {
    MatchState.DECLINED: EndReason.DECLINED,
    MatchState.EXPIRED: EndReason.CONFIRMATION_TIMEOUT,
    MatchState.FAILED: EndReason.SESSION_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Participant:
    """One of the two."""

    user_id: UserId
    request_id: RequestId
    confirmed: bool = False
    left: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A match as PostgreSQL last told it; its methods decide, they do not write.

    ::

        PROPOSED --both confirmed--> CONFIRMED --session opened--> READY --both left--> CLOSED
           |--one declined--> DECLINED   '--no session in time--> FAILED
           '--deadline passed--> EXPIRED
    """

    id: MatchId
    bucket: Bucket
    first: Participant
    second: Participant
    state: MatchState
    created_at: datetime
    deadline: datetime
    overdue: bool = False
    """Whether the deadline had passed, by PostgreSQL's clock, when this was read."""
    confirmed_at: datetime | None = None
    confirmed_for: float = 0.0
    """Seconds since both had confirmed, by PostgreSQL's clock, when this was read."""
    session_id: SessionId | None = None
    question: Question | None = None
    declined_by: UserId | None = None

    @property
    def participants(self) -> tuple[Participant, Participant]:
        """Both, in the order of the queue."""
        return self.first, self.second

    @property
    def users(self) -> tuple[UserId, UserId]:
        """Both users, in the order of the queue."""
        return self.first.user_id, self.second.user_id

    @property
    def end_reason(self) -> EndReason | None:
        """Why it ended without a session, if it did; a passed deadline ends it before anybody has noted that."""
        return EndReason.CONFIRMATION_TIMEOUT if self.overdue else END_REASONS.get(self.state)

    @property
    def session(self) -> Session | None:
        """The session, once it can be read."""
        if self.state not in (MatchState.READY, MatchState.CLOSED) or self.question is None:
            return None
        return self.session_about(self.question)

    def session_about(self, question: Question) -> Session:
        """The session of a match that both confirmed: the same whoever opens it."""
        if self.session_id is None or self.confirmed_at is None:
            msg = f"match {self.id} is not confirmed"
            raise ValueError(msg)
        return Session(
            id=self.session_id,
            match_id=self.id,
            bucket=self.bucket,
            question=question,
            users=self.users,
            created_at=self.confirmed_at,
        )

    def seat_of(self, user_id: UserId) -> Participant:
        """The caller's own part; strangers are told what they would be told of an unknown id."""
        for participant in self.participants:
            if participant.user_id == user_id:
                return participant
        raise MatchNotFound(self.id)

    def partner_of(self, user_id: UserId) -> Participant:
        """The other one's part."""
        return self.second if self.seat_of(user_id) is self.first else self.first

    def expect_open(self) -> None:
        """Raise the truth when the match can no longer be confirmed or declined."""
        match self.state:
            case MatchState.PROPOSED if not self.overdue:
                return
            case MatchState.PROPOSED:
                raise MatchClosed(self.id, EndReason.CONFIRMATION_TIMEOUT)
            case MatchState.CONFIRMED | MatchState.READY | MatchState.CLOSED:
                raise SessionAlreadyOpened(self.id, self.session_id)
            case _:
                raise MatchClosed(self.id, END_REASONS[self.state])
