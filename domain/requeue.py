"""Who goes back to the queue when a match ends without a session."""

from __future__ import annotations

from dataclasses import dataclass

from domain.ids import UserId
from domain.match import END_REASONS, Match, MatchState, Participant
from domain.reasons import EndReason
from domain.request import RequestStatus


@dataclass(frozen=True, slots=True)
class Ending:
    """A match's end, decided on what was read: to be written only if that still holds."""

    match: Match
    state: MatchState
    declined_by: UserId | None = None

    @property
    def reason(self) -> EndReason:
        """The reason both are told."""
        return END_REASONS[self.state]

    def outcome(self, participant: Participant) -> RequestStatus:
        """What becomes of the participant's request; ``PENDING`` means back to the old place."""
        match self.state:
            case MatchState.DECLINED if participant.user_id == self.declined_by:
                return RequestStatus.CANCELLED
            case MatchState.EXPIRED if not participant.confirmed:
                return RequestStatus.TIMED_OUT
            case _:
                return RequestStatus.PENDING


def decline(match: Match, user_id: UserId) -> Ending:
    """*user_id* says no: cancelled, and the partner, who did nothing wrong, waits again.

    Raises :class:`~domain.errors.MatchNotFound` to a stranger, and the truth when it is too late.
    """
    match.seat_of(user_id)
    match.expect_open()
    return Ending(match, MatchState.DECLINED, declined_by=user_id)


def expire(match: Match) -> Ending:
    """Time is up: whoever confirmed waits again, whoever did not answer is timed out."""
    return Ending(match, MatchState.EXPIRED)


def fail(match: Match) -> Ending:
    """No session could be opened: both wait again."""
    return Ending(match, MatchState.FAILED)


def recall(match: Match) -> Ending:
    """The ending that an ended *match* once had."""
    return Ending(match, match.state, declined_by=match.declined_by)
