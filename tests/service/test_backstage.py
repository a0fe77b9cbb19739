"""The look behind the scenes, over a real database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import jwt

from domain.errors import StoreUnavailable
from domain.ids import UserId
from persistence.postgres.database import Database
from persistence.postgres.recovery import PostgresRecovery
from service.backstage import MOST_EVENTS, DevBackstage
from service.settings import Settings
from web.readiness import Readiness

SETTINGS = Settings(
    database_url="postgresql://nowhere.invalid",
    redis_url="redis://nowhere.invalid",
    auth_issuer="user-service",
    topics=("Array", "Graph"),
)


def backstage(database: Database) -> DevBackstage:
    async def readiness() -> Readiness:
        return Readiness({"postgres": "ok", "redis": "away", "rabbitmq": "not configured"})

    parts: Any = {
        "stores": SimpleNamespace(
            database=database, recovery=PostgresRecovery(database, search_seconds=60, retention_days=1)
        ),
        "system": SimpleNamespace(depths=lambda: iter([("Relay", 0), ("BucketActor", 2), ("BucketActor", 3)])),
        "readiness": readiness,
    }
    return DevBackstage(settings=SETTINGS, **parts)


async def test_buckets_mailboxes_and_the_latest_events_are_shown(database_url: str) -> None:
    database = Database(database_url, size=1, failed=lambda _: None)
    await database.open()
    for number, topic in enumerate(("Graph", "Array", "Array")):
        await database.fetch(
            "INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)"
            " VALUES ($1, $2, 'easy', $3, now() + interval '1 minute')",
            uuid4(),
            f"user-{number}",
            topic,
        )
    for number in range(MOST_EVENTS + 1):
        await database.fetch(
            "INSERT INTO outbox (event_id, routing_key, body, published_at) VALUES ($1, 'match.found', $2, $3)",
            uuid4(),
            b'{"number": %d}' % number,
            None,
        )
    state = await backstage(database).look()
    await database.close()
    assert [(bucket.topic, bucket.waiting) for bucket in state.buckets] == [("Array", 2), ("Graph", 1)]
    assert [(box.kind, box.actors, box.letters) for box in state.mailboxes] == [("Relay", 1, 0), ("BucketActor", 2, 5)]
    assert [event.body["number"] for event in state.events] == list(range(MOST_EVENTS, 0, -1))
    assert state.events_waiting == MOST_EVENTS + 1
    assert state.dependencies["redis"] == "away"
    assert state.topics == ("Array", "Graph")


async def test_while_postgres_is_away_the_rest_is_shown() -> None:
    class Away(Database):
        async def fetch(self, sql: str, *arguments: Any) -> Any:
            raise StoreUnavailable("postgres")

    state = await backstage(Away("", size=1, failed=lambda _: None)).look()
    assert (state.buckets, state.events, state.events_waiting) == ((), (), 0)
    assert len(state.mailboxes) == 2


def test_tokens_are_what_the_settings_ask_for() -> None:
    nothing: Any = None
    signed = backstage(nothing).sign(UserId("ada"))
    claims = jwt.decode(signed, SETTINGS.auth_access_secret.get_secret_value(), ["HS256"], issuer="user-service")
    assert (claims["sub"], claims["type"]) == ("ada", "access")
