"""Who goes back to the queue when a match ends without a session."""

from __future__ import annotations

from dataclasses import dataclass

from domain.ids import RequestId, UserId
from domain.match import END_REASONS, EndReason, Match, MatchState, Participant
from domain.request import RequestStatus


@dataclass(frozen=True, slots=True)
class Ending:
    """A match's end, decided on what was read: to be written only if that still holds."""

    match: Match
    state: MatchState
    by: UserId | None
    outcomes: dict[RequestId, RequestStatus]
    """What becomes of the two requests; ``PENDING`` means back to the old place."""

    @property
    def reason(self) -> EndReason:
        """The reason both are told."""
        return END_REASONS[self.state]

    def requeues(self, participant: Participant) -> bool:
        """Whether *participant* waits again."""
        return self.outcomes[participant.request_id] is RequestStatus.PENDING


def decline(match: Match, user_id: UserId) -> Ending:
    """*user_id* says no: cancelled, and the partner, who did nothing wrong, waits again.

    Raises :class:`~domain.errors.MatchNotFound` to a stranger, and the truth when it is too late.
    """
    seat = match.seat_of(user_id)
    match.expect_open()
    outcomes = {p.request_id: RequestStatus.CANCELLED if p is seat else RequestStatus.PENDING for p in match.participants}
    return Ending(match, MatchState.DECLINED, user_id, outcomes)


def expire(match: Match) -> Ending:
    """Time is up: whoever confirmed waits again, whoever did not answer is timed out."""
    outcomes = {
        p.request_id: RequestStatus.PENDING if p.confirmed else RequestStatus.TIMED_OUT for p in match.participants
    }
    return Ending(match, MatchState.EXPIRED, None, outcomes)


def fail(match: Match) -> Ending:
    """No session could be opened: both wait again."""
    outcomes = {p.request_id: RequestStatus.PENDING for p in match.participants}
    return Ending(match, MatchState.FAILED, None, outcomes)
