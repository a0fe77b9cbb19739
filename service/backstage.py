"""The inside of the service, gathered for the demo page of ENV=dev."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from actors.system import System
from domain.census import BucketCensus
from domain.errors import StoreUnavailable
from domain.ids import UserId
from messaging.question_bank import TITLES
from persistence.postgres.glimpse import Posted, PostgresGlimpse
from service.readiness import ReadinessProbe
from service.settings import Settings
from service.stores import Stores
from service.tokens import sign_token
from web.backstage import BucketShown, DevState, EventShown, MailboxShown

TOKEN_SECONDS: Final = 12 * 3600
MOST_EVENTS: Final = 20
MOST_BUCKETS: Final = 50


class DevBackstage:
    """Tokens and a look around; satisfies ``web.backstage.Backstage``."""

    def __init__(self, *, settings: Settings, stores: Stores, system: System, readiness: ReadinessProbe) -> None:
        self._settings = settings
        self._recovery = stores.recovery
        self._glimpse = PostgresGlimpse(stores.database)
        self._system = system
        self._readiness = readiness
        self._topics = settings.topics or tuple(topic.title() for topic in TITLES)

    def sign(self, user_id: UserId) -> str:
        """An access token of this user, good for half a day."""
        return sign_token(self._settings, user_id, lifetime_seconds=TOKEN_SECONDS)

    async def look(self) -> DevState:
        """How everything stands now; no buckets and events while PostgreSQL is away."""
        dependencies = dict((await self._readiness()).dependencies)
        try:
            buckets, outbox = await self._recovery.census()
            events = await self._glimpse.latest_events(MOST_EVENTS)
            waiting = outbox.waiting
        except StoreUnavailable:
            buckets, events, waiting = [], [], 0
        return DevState(
            dependencies=dependencies,
            buckets=tuple(_fullest(buckets)),
            mailboxes=tuple(_mailboxes(self._system.depths())),
            events=tuple(map(_event, events)),
            events_waiting=waiting,
            topics=self._topics,
        )


def _fullest(buckets: Sequence[BucketCensus]) -> Iterator[BucketShown]:
    for census in sorted(buckets, key=lambda census: (-census.waiting, str(census.bucket)))[:MOST_BUCKETS]:
        yield BucketShown(
            difficulty=census.bucket.difficulty,
            topic=census.bucket.topic,
            waiting=census.waiting,
            oldest_wait_seconds=round(census.oldest_wait_seconds, 1),
        )


def _mailboxes(depths: Iterable[tuple[str, int]]) -> Iterator[MailboxShown]:
    actors: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for kind, depth in depths:
        actors[kind] += 1
        letters[kind] += depth
    for kind, number in actors.items():
        yield MailboxShown(kind=kind, actors=number, letters=letters[kind])


def _event(posted: Posted) -> EventShown:
    return EventShown(
        event_id=posted.event_id,
        routing_key=posted.routing_key,
        created_at=posted.created_at,
        published_at=posted.published_at,
        body=json.loads(posted.body),
    )
