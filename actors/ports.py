"""What the actors need from the outside world, by role.

Every port says how it fails and what may be repeated.  All may raise
:class:`~domain.errors.StoreUnavailable` (stores) or :class:`~domain.errors.NeighbourUnavailable`
(sibling services, broker); the caller then knows nothing about the outcome, and repeating the same call
with the same ids is safe unless said otherwise.  Adapters satisfy these structurally; the type checker
proves the fit where they are wired, in ``service.cast`` and ``service.stores``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from domain.census import BucketCensus, Heartbeat, Leftovers, OutboxCensus
from domain.errors import LiveRequestExists
from domain.events import Event, Outgoing
from domain.ids import EventId, MatchId, RequestId, SessionId, UserId
from domain.match import Match, MatchState
from domain.news import News
from domain.pairing import Pair, Verdict
from domain.reasons import EndReason
from domain.request import Admission, Bucket, MatchRequest, Waiting
from domain.requeue import Ending
from domain.session import Question, Session


class Requests(Protocol):
    """The truth about requests."""

    async def add(
        self, bucket: Bucket, asked: Sequence[tuple[RequestId, UserId]]
    ) -> Sequence[Admission | LiveRequestExists]:
        """Make a request for each; one outcome each, in order.

        A user already pending in *bucket* gets that request back, its search clock started anew.
        """

    async def get(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        """One request, of this user only."""

    async def withdraw(self, ids: Collection[RequestId]) -> Collection[RequestId]:
        """Cancel those still pending and return them."""

    async def time_out(self, ids: Collection[RequestId]) -> Collection[RequestId]:
        """End those still pending whose search is over by PostgreSQL's clock, and return them."""

    async def waiting(self, bucket: Bucket, most: int) -> Sequence[Waiting]:
        """The oldest pending in *bucket*, oldest first."""

    async def still_waiting(self, bucket: Bucket, users: Collection[UserId]) -> Collection[UserId]:
        """Those of *users* who are pending in *bucket*."""


class Proposals(Protocol):
    """The one way in which a match comes to be."""

    async def propose(self, bucket: Bucket, pairs: Sequence[tuple[MatchId, Pair]]) -> Verdict:
        """Match the pairs of which both are pending in *bucket* still, each with the question it brings."""


class Matches(Protocol):
    """The truth about matches.  Every write names the state it leaves."""

    async def confirm(self, yes: Sequence[tuple[MatchId, UserId, SessionId]]) -> Sequence[tuple[Match, bool] | None]:
        """Note each yes; one outcome each, in order.

        The match after it, and whether this yes was news; None where the match is not the user's, or
        not open.  The session id is used for a match that has none yet.
        """

    async def get(self, match_id: MatchId) -> Match | None:
        """One match."""

    async def of_user(self, user_id: UserId, match_id: MatchId) -> Match | None:
        """One match, if the user is in it: no more work for somebody else's than for none at all."""

    async def of_session(self, user_id: UserId, session_id: SessionId) -> Match | None:
        """The match of a session, likewise."""

    async def end(self, ending: Ending) -> Sequence[MatchRequest] | None:
        """Write an ending that was decided on ``ending.match``.

        The requests that are pending again, or None when the match has changed since it was read.
        """

    async def mark_told(self, told: Collection[tuple[MatchId, MatchState]]) -> None:
        """Both users have been told that the match came to this state."""


class Openings(Protocol):
    """The truth about sessions: steps of a confirmed match, each with the event it promises."""

    async def keep_question(self, match_id: MatchId, question: Question) -> Question | None:
        """Note the question of a confirmed match; the first one stays and is returned.

        None when the match is not confirmed, or ready already.
        """

    async def ready(self, session: Session, event: Event) -> bool:
        """In one transaction: the session can be read, and *event* is in the outbox.

        False when the match was not confirmed, or is ready already.
        """

    async def leave(self, match: Match, user_id: UserId, event: Event) -> bool:
        """In one transaction: *user_id* has left, and *event* is in the outbox.

        False when who is in the session has changed since *match* was read.
        """


class Queue(Protocol):
    """The index: one slice per bucket, oldest first.  It may be stale, it may be away; never the truth."""

    async def join(self, bucket: Bucket, people: Sequence[Waiting], peek: int) -> Sequence[Waiting]:
        """Take *people* in, each at its place, and return the *peek* oldest."""

    async def remove(self, bucket: Bucket, people: Sequence[Waiting], *, at_leisure: bool = False) -> None:
        """Take *people* out, each only if it is still there since the same moment; *at_leisure* a little later."""

    async def missing(self, bucket: Bucket, people: Sequence[Waiting]) -> Sequence[Waiting]:
        """Those of *people* who are not in it."""


class Sessions(Protocol):
    """Opened sessions where the Collaboration Service finds them."""

    async def create(self, session: Session) -> None:
        """Write what is missing of the session: what was typed since is never overwritten."""


class Questions(Protocol):
    """The Question Service."""

    async def pick(self, bucket: Bucket) -> Question:
        """A question for *bucket*, picked at random.  Raises also when there is none."""

    def at_hand(self, bucket: Bucket) -> Question | None:
        """The same without asking anyone; None when that would be necessary.  Never raises."""


class Outbox(Protocol):
    """What is promised to sibling services."""

    async def claim(self, most: int) -> Sequence[Outgoing]:
        """Unpublished events, kept from other replicas for three seconds.

        Those that never came back first, oldest first; then those that were put off until now.
        """

    async def published(self, ids: Collection[EventId]) -> None:
        """These have arrived."""

    async def release(self, ids: Collection[EventId]) -> None:
        """These were not tried, since the broker is away: let anyone claim them again, at once."""

    async def put_off(self, ids: Collection[EventId]) -> None:
        """These came back: let anyone claim them again, the later the older they are, within a minute.

        Only events that may do without a hearer (``session.left``) may wait longer.
        """


class Publisher(Protocol):
    """The broker."""

    async def reach(self) -> None:
        """Make sure that the broker is there, before anything is claimed for it."""

    async def publish(self, events: Sequence[Outgoing]) -> Collection[EventId]:
        """Publish, and return those the broker confirmed *and* routed."""


class Notifier(Protocol):
    """The users' sockets, wherever they are connected."""

    def tell(self, user_id: UserId, news: News) -> None:
        """Send *news* to every socket of *user_id*; never waits, never raises."""


class Recovery(Protocol):
    """The janitor's view of the truth."""

    async def beat(self) -> Heartbeat:
        """Give a sign of life, in the name of all replicas.

        After a while in which nobody could, proposed matches from before it get the time back.
        """

    async def leftovers(self) -> Leftovers:
        """What other actors should have dealt with by now."""

    async def pending(self, after: int, most: int) -> tuple[Sequence[MatchRequest], int]:
        """A page of pending requests by insertion, and where the next one starts; 0 is the beginning."""

    async def census(self) -> tuple[Sequence[BucketCensus], OutboxCensus]:
        """Counts for the metrics."""

    async def forget_old(self) -> tuple[int, bool]:
        """Delete a bounded number of rows that ended before the retention time.

        How many, and whether there may be more.
        """


class Meter(Protocol):
    """What is counted while actors work.  Never raises."""

    def request_ended(self, bucket: Bucket, outcome: str) -> None:
        """A request came to ``cancelled`` or ``timeout``."""

    def matched(self, bucket: Bucket, waits: Sequence[float]) -> None:
        """A pair was made, whose people had waited so many seconds."""

    def match_ended(self, bucket: Bucket, outcome: MatchState | EndReason) -> None:
        """A match became ready or ended without a session."""

    def session_opened(self, seconds: float) -> None:
        """From both confirmed to ready."""

    def confirmed(self, seconds: float) -> None:
        """From proposed to both confirmed."""

    def published(self, count: int) -> None:
        """So many events arrived at the broker."""

    def census(self, buckets: Sequence[BucketCensus], outbox: OutboxCensus) -> None:
        """How queues and outbox stand."""

    def clock_ahead(self, seconds: float) -> None:
        """This machine's clock is so far ahead of PostgreSQL's; behind, when it is negative."""

    def actor_restarted(self, kind: str) -> None:
        """An actor of this class failed and was replaced."""

    def actor_hung(self, kind: str) -> None:
        """An actor of this class did not get on with a message, and was replaced."""

    def left_behind(self, what: str, count: int) -> None:
        """The janitor handed over so many."""
