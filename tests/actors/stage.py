"""All actors over the stores in memory: what a process has, with every neighbour in the test's hands."""

from __future__ import annotations

import asyncio

from actors.bucket import BucketActor, Door
from actors.buckets import Buckets
from actors.janitor import Janitor
from actors.matchmaker import Matchmaker
from actors.messages import Enqueue, JanitorMessage, SearchTimeElapsed
from actors.relay import OutboxRelay
from actors.runtime import Address
from actors.session import SessionActor
from actors.slice import Slice
from actors.supervisor import MatchSupervisor
from actors.system import System
from domain.ids import UserId
from domain.match import Match
from domain.news import MatchFound, MatchReady
from domain.request import Bucket, MatchRequest, RequestStatus
from domain.session import Session
from tests.actors.waiting import eventually
from tests.builders import BUCKET, new_request_id
from tests.fakes.neighbours import FakeMeter, FakeNotifier, FakePublisher, FakeQuestions
from tests.fakes.store import CONFIRM_SECONDS, SEARCH_SECONDS, FakeStore

BUDGET_SECONDS = 60.0


class Stage:
    """One process.  Reminders are far away: tests send them themselves after moving the store's clock."""

    def __init__(self, system: System, meter: FakeMeter, store: FakeStore, *, most_buckets: int = 100) -> None:
        self.system = system
        self.meter = meter
        self.store = store
        self.questions = FakeQuestions()
        self.publisher = FakePublisher()
        self.notifier = FakeNotifier()
        self.relay = system.spawn(self._make_relay, mailbox_limit=1000)
        self.sessions = system.spawn(self._make_session_actor, mailbox_limit=1000)
        self.supervisor = system.spawn(self._make_supervisor, mailbox_limit=1000)
        self.buckets = Buckets(system=system, make=self.make_bucket, most=most_buckets, mailbox_limit=1000)
        self.matchmaker = Matchmaker(
            requests=store.requests,
            matches=store.matches,
            buckets=self.buckets,
            supervisor=self.supervisor,
            sessions=self.sessions,
            answer_seconds=5,
            session_answer_seconds=5,
        )

    def _make_relay(self) -> OutboxRelay:
        return OutboxRelay(outbox=self.store.outbox, publisher=self.publisher, meter=self.meter, poll_seconds=60)

    def _make_session_actor(self) -> SessionActor:
        return SessionActor(
            matches=self.store.matches,
            openings=self.store.openings,
            sessions=self.store.sessions,
            questions=self.questions,
            notifier=self.notifier,
            meter=self.meter,
            relay=self.relay,
            budget_seconds=BUDGET_SECONDS,
        )

    def _make_supervisor(self) -> MatchSupervisor:
        return MatchSupervisor(
            matches=self.store.matches,
            notifier=self.notifier,
            meter=self.meter,
            buckets=lambda bucket: self.buckets(bucket),  # noqa: PLW0108 - made after this
            sessions=self.sessions,
            confirm_seconds=CONFIRM_SECONDS,
        )

    def make_bucket(self, bucket: Bucket, door: Door) -> BucketActor:
        store = self.store
        return BucketActor(
            bucket,
            requests=store.requests,
            queue=Slice(
                bucket,
                requests=store.requests,
                proposals=store.proposals,
                queue=store.queue,
                questions=self.questions,
            ),
            notifier=self.notifier,
            meter=self.meter,
            supervisor=self.supervisor,
            door=door,
            search_seconds=SEARCH_SECONDS,
            idle_seconds=300,
        )

    def start_janitor(self) -> Address[JanitorMessage]:
        return self.system.spawn(
            lambda: Janitor(
                recovery=self.store.recovery,
                queue=self.store.queue,
                meter=self.meter,
                buckets=self.buckets,
                supervisor=self.supervisor,
                sweep_seconds=3600,
            ),
            mailbox_limit=1000,
        )

    # -- what tests do again and again -----------------------------------------------------------

    async def find(self, *users: UserId, bucket: Bucket = BUCKET) -> list[MatchRequest]:
        """The requests of *users*, who ask one after the other."""
        return [(await self.matchmaker.find(user_id, bucket)).request for user_id in users]

    async def match_of(self, *users: UserId) -> Match:
        """The match that *users*, who ask for the same bucket, are told of."""
        await self.find(*users)
        return await self.told_match(users[0])

    async def told_match(self, user_id: UserId) -> Match:
        """The match the user was told of last."""
        await eventually(lambda: self._found(user_id))
        match = self.store.tables.read(self._found(user_id)[-1].match_id)
        assert match is not None
        return match

    def _found(self, user_id: UserId) -> list[MatchFound]:
        return [news for news in self.notifier.to(user_id) if isinstance(news, MatchFound)]

    async def session_of(self, *users: UserId) -> Session:
        """The session that *users* open by asking and confirming."""
        match = await self.match_of(*users)
        await self.matchmaker.confirm(users[0], match.id)
        session = await self.matchmaker.confirm(users[1], match.id)
        assert isinstance(session, Session)
        await eventually(lambda: any(isinstance(news, MatchReady) for news in self.notifier.to(users[0])))
        return session

    def status_of(self, request: MatchRequest) -> RequestStatus:
        return self.store.tables.requests[request.id].value.status

    def match_now(self, match: Match) -> Match:
        now = self.store.tables.read(match.id)
        assert now is not None
        return now

    def search_time_elapses(self, request: MatchRequest) -> None:
        """The reminder of a search, as late as it would come."""
        self.store.clock.advance(SEARCH_SECONDS + 1)
        self.buckets(request.bucket).tell(SearchTimeElapsed(request))


def ask_all(stage: Stage, users: list[UserId]) -> list[asyncio.Task[object]]:
    """They come to the same bucket at once: what each is answered."""

    async def ask(user_id: UserId) -> object:
        return await stage.buckets(BUCKET).ask(Enqueue(new_request_id(), user_id))

    return [asyncio.create_task(ask(user_id)) for user_id in users]
