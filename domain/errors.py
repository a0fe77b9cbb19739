"""What can go wrong, as the domain sees it.

::

    MatchingError
     |- NotFound                   unknown, or not yours: the same answer for both
     |   |- RequestNotFound
     |   |- MatchNotFound
     |   '- SessionNotFound
     |- Conflict                   the truth is another; the error carries it
     |   |- LiveRequestExists      the user already waits, or is in a match
     |   |- RequestTimedOut        too late to cancel
     |   |- MatchClosed            declined, expired or failed
     |   '- SessionAlreadyOpened   both confirmed: too late to decline or cancel
     '- Unavailable                try again later; nothing was lost
         |- StoreUnavailable       PostgreSQL or Redis does not answer
         |- NeighbourUnavailable   the Question or User Service, or the broker, does not answer
         |- SessionUnavailable     no session could be opened in time
         |- NoAnswer               no answer in time, or the truth changed under it; it may be done
         |- MailboxFull            more mail than an actor may hold
         |- TooManyBuckets         more difficulty-topic pairs than a process may hold
         '- Stopping               this replica is on its way out
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.ids import MatchId, RequestId, SessionId
    from domain.reasons import EndReason


class MatchingError(Exception):
    """Base of every error a caller may be told about."""


class NotFound(MatchingError):
    """There is no such thing, or it is not the caller's."""


class RequestNotFound(NotFound):
    """No such request of this user."""


class MatchNotFound(NotFound):
    """No such match of this user."""


class SessionNotFound(NotFound):
    """No such session of this user."""


class Conflict(MatchingError):
    """What was asked for contradicts the truth."""


class LiveRequestExists(Conflict):
    """The user has a live request that this one would contradict."""

    def __init__(self, request_id: RequestId, match_id: MatchId | None) -> None:
        super().__init__(request_id, match_id)
        self.request_id = request_id
        self.match_id = match_id


class RequestTimedOut(Conflict):
    """The request ended before it could be cancelled."""

    def __init__(self, request_id: RequestId) -> None:
        super().__init__(request_id)
        self.request_id = request_id


class MatchClosed(Conflict):
    """The match ended without a session."""

    def __init__(self, match_id: MatchId, reason: EndReason) -> None:
        super().__init__(match_id, reason)
        self.match_id = match_id
        self.reason = reason


class SessionAlreadyOpened(Conflict):
    """Both confirmed; the session exists or is being opened."""

    def __init__(self, match_id: MatchId, session_id: SessionId | None) -> None:
        super().__init__(match_id, session_id)
        self.match_id = match_id
        self.session_id = session_id


class Unavailable(MatchingError):
    """It cannot be done now; trying again later is safe."""


class StoreUnavailable(Unavailable):
    """A store does not answer; its name is the first argument."""


class NeighbourUnavailable(Unavailable):
    """A sibling service or the broker does not answer; its name is the first argument."""


class SessionUnavailable(Unavailable):
    """No session could be opened in the time there was for it."""


class NoAnswer(Unavailable):
    """No answer came in time, or the truth kept changing: what was asked may or may not be done."""


class MailboxFull(Unavailable):
    """An actor has more mail than it may hold."""


class TooManyBuckets(Unavailable):
    """More buckets are in use than this process may hold."""


class Stopping(Unavailable):
    """This replica drains: another one will serve."""
