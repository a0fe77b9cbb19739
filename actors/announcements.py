"""Telling both people of a match how it stands, and noting that they have been told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.ports import Matches, Notifier
from domain import requeue
from domain.ids import MatchId, UserId
from domain.match import Match, MatchState
from domain.news import MatchExpired, MatchFound, MatchReady, News
from domain.requeue import Ending
from domain.session import Session


class Announcements:
    """What the supervisor has told, and not yet marked as told.

    A process that dies before the mark has its news told again by the janitor of another; sockets drop
    what they have heard.
    """

    def __init__(self, *, notifier: Notifier, matches: Matches, first: Callable[[], object]) -> None:
        """*first* is called when the first of some announcements was made: :meth:`mark` is due soon."""
        self._notifier = notifier
        self._matches = matches
        self._first = first
        self._told: list[tuple[MatchId, MatchState]] = []

    def found(self, match: Match) -> None:
        """A partner for each: confirm or decline."""
        self._tell(match.id, match.state, [(user_id, MatchFound.to(user_id, match)) for user_id in match.users])

    def ready(self, session: Session) -> None:
        """The session can be entered."""
        news = [(user_id, MatchReady.to(user_id, session)) for user_id in session.users]
        self._tell(session.match_id, MatchState.READY, news)

    def ended(self, ending: Ending) -> None:
        """There will be no session, and why."""
        users = ending.match.users
        self._tell(ending.match.id, ending.state, [(user_id, MatchExpired.to(user_id, ending)) for user_id in users])

    def again(self, match: Match) -> None:
        """However *match* stands now."""
        if match.state is MatchState.PROPOSED:
            self.found(match)
        elif match.session is not None:
            self.ready(match.session)
        elif match.end_reason is not None:
            self.ended(requeue.recall(match))

    async def mark(self) -> None:
        """Note in one statement who has been told what."""
        told, self._told = self._told, []
        if told:
            await self._matches.mark_told(told)

    def _tell(self, match_id: MatchId, state: MatchState, news: Sequence[tuple[UserId, News]]) -> None:
        for user_id, item in news:
            self._notifier.tell(user_id, item)
        if not self._told:
            self._first()
        self._told.append((match_id, state))
