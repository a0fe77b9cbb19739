"""Everything actors say to each other.

Commands are imperative, news is past tense, reminders to oneself end in ``Elapsed``.  A message that
expects an answer is an :class:`~actors.runtime.Ask` of it; all others are told.  Each actor's full
vocabulary is the union at the foot of its section.

Asks flow down (web, matchmaker, bucket or supervisor, session), tells may flow up.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.runtime import Ask
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.request import Admission, MatchRequest
from domain.requeue import Ending
from domain.session import Session

# -- to a bucket -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enqueue(Ask[Admission]):
    """Let *user_id* wait in this bucket.  Raises ``LiveRequestExists``."""

    request_id: RequestId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Withdraw(Ask[bool]):
    """Cancel a pending request.  Answers whether it was pending still."""

    request: MatchRequest


@dataclass(frozen=True, slots=True)
class Requeue:
    """Take a pending request (back) into the queue at its old place, and look for pairs."""

    request: MatchRequest


@dataclass(frozen=True, slots=True)
class SearchTimeElapsed:
    """The search may be over; PostgreSQL's clock decides."""

    request: MatchRequest


@dataclass(frozen=True, slots=True)
class PairingTimeElapsed:
    """Another replica held some of the people just looked at: look again."""


@dataclass(frozen=True, slots=True)
class IdleTimeElapsed:
    """Nobody may have been here for a while: if so, make room."""


BucketMessage = Enqueue | Withdraw | Requeue | SearchTimeElapsed | PairingTimeElapsed | IdleTimeElapsed


# -- to the match supervisor -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paired:
    """This match is committed: tell both, and mind its deadline."""

    match: Match


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Answer: noted; the partner has not confirmed yet."""

    match_id: MatchId


@dataclass(frozen=True, slots=True)
class Confirm(Ask[Confirmed | Session]):
    """*user_id* says yes.  Whoever completes the match is answered by the session actor.

    Raises ``MatchNotFound``, ``MatchClosed``.
    """

    match_id: MatchId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class Decline(Ask[Ending]):
    """*user_id* says no.  Raises ``MatchNotFound``, ``MatchClosed``, ``SessionAlreadyOpened``."""

    match_id: MatchId
    user_id: UserId


@dataclass(frozen=True, slots=True)
class ConfirmTimeElapsed:
    """The deadline may have passed; PostgreSQL's clock decides."""

    match_id: MatchId


@dataclass(frozen=True, slots=True)
class Resume:
    """Both confirmed a while ago, and there is no session yet: see to it."""

    match: Match


@dataclass(frozen=True, slots=True)
class Recall:
    """The people of this match may not know how it stands: tell them again."""

    match: Match


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The session of a match can be read."""

    session: Session


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """No session was opened here."""

    match_id: MatchId
    for_good: bool
    """Whether the time for it ran out; otherwise another attempt, here or elsewhere, may go on."""


@dataclass(frozen=True, slots=True)
class MarkTimeElapsed:
    """Note in PostgreSQL, in one go, who has been told what."""


SupervisorMessage = (
    Paired | Confirm | Decline | ConfirmTimeElapsed | Resume | Recall | SessionOpened | SessionFailed | MarkTimeElapsed
)


# -- to the session actor --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSession(Ask[Session]):
    """Open the session of a match that both confirmed; asked twice, opened once.

    Raises ``SessionUnavailable`` when the time for it ran out, ``MatchClosed`` when the match has failed.
    """

    match: Match


@dataclass(frozen=True, slots=True)
class LeaveSession(Ask[bool]):
    """Let *user_id* out.  Answers whether it was still in.  Raises ``SessionNotFound``."""

    session_id: SessionId
    user_id: UserId


SessionMessage = OpenSession | LeaveSession


# -- to the outbox relay ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventsWaiting:
    """Something was put in the outbox."""


@dataclass(frozen=True, slots=True)
class PollTimeElapsed:
    """Another replica may have left something in the outbox."""


@dataclass(frozen=True, slots=True)
class BatchPublished:
    """A round of publishing ended."""

    more: bool
    """Whether the outbox may hold more that can be published now."""


RelayMessage = EventsWaiting | PollTimeElapsed | BatchPublished


# -- to the janitor --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SweepTimeElapsed:
    """Look for what a crashed process left behind."""


@dataclass(frozen=True, slots=True)
class RetentionTimeElapsed:
    """Delete what is older than it need be kept."""


JanitorMessage = SweepTimeElapsed | RetentionTimeElapsed
