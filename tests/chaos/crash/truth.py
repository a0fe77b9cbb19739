"""What the stores hold of one topic, and what was delivered."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import asyncpg
import redis.asyncio

from domain.ids import SessionId
from domain.request import Bucket, Difficulty
from persistence.redis.keys import queue_key, session_key
from tests.chaos.crash.user import DIFFICULTY
from tests.e2e.consumer import Consumer, content

Row = Mapping[str, Any]

_REQUESTS: Final = """
SELECT id::text, user_id, status, match_id::text FROM match_requests WHERE topic = ANY($1) ORDER BY seq
"""

_MATCHES: Final = """
SELECT id::text, user1_id, user2_id, status, session_id::text, question->>'id' AS question_id, untold,
       user1_confirmed_at IS NOT NULL AS confirmed1, user2_confirmed_at IS NOT NULL AS confirmed2,
       user1_left_at IS NOT NULL AS left1, user2_left_at IS NOT NULL AS left2
FROM matches WHERE topic = ANY($1) ORDER BY created_at
"""

_EVENTS: Final = """
SELECT event_id::text, routing_key, published_at IS NOT NULL AS published, body FROM outbox
WHERE created_at >= (SELECT min(created_at) FROM matches WHERE topic = ANY($1)) ORDER BY id
"""


class Event(NamedTuple):
    """``match.found`` or ``session.left``, as it was promised or delivered."""

    kind: str
    event_id: str
    session_id: str
    user_id: str
    """Who left; empty for ``match.found``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One look at all stores."""

    requests: Sequence[Row] = ()
    matches: Sequence[Row] = ()
    events: Mapping[Event, bool] = field(default_factory=dict)
    """What the outbox holds, and whether it is marked as published."""
    delivered: Sequence[Event] = ()
    hashes: Mapping[str, Row] = field(default_factory=dict)
    """Sessions in Redis, ``question`` and ``users`` parsed."""
    queue: Sequence[str] = ()
    """The users in the index."""


class Deliveries:
    """What the consumer got, by session."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._read = 0
        self._by_session: dict[str, list[Event]] = defaultdict(list)

    def about(self, session_id: str) -> Sequence[Event]:
        """All deliveries so far."""
        fresh = self._consumer.messages[self._read :]
        self._read += len(fresh)
        for message in fresh:
            event = _event(str(message.routing_key), str(message.message_id), content(message))
            self._by_session[event.session_id].append(event)
        return self._by_session[session_id]


def _event(kind: str, event_id: str, body: Row) -> Event:
    return Event(kind, event_id, body["session_id"], body.get("user_id", ""))


async def read_truth(
    topics: Sequence[str], sql: asyncpg.Pool[asyncpg.Record], index: redis.asyncio.Redis, deliveries: Deliveries
) -> Truth:
    """What the stores hold of *topics*."""
    requests = await sql.fetch(_REQUESTS, topics)
    matches = await sql.fetch(_MATCHES, topics)
    sessions = [row["session_id"] for row in matches if row["session_id"]]
    return Truth(
        requests=[dict(row) for row in requests],
        matches=[dict(row) for row in matches],
        events=await _promised(topics, sql, set(sessions)),
        delivered=[event for session_id in sessions for event in deliveries.about(session_id)],
        hashes={session_id: await _hash(index, session_id) for session_id in sessions},
        queue=[str(member) for topic in topics for member in await index.zrange(_key(topic), 0, -1)],
    )


def _key(topic: str) -> str:
    return queue_key(Bucket(Difficulty(DIFFICULTY), topic))


async def _promised(
    topics: Sequence[str], sql: asyncpg.Pool[asyncpg.Record], sessions: set[str]
) -> Mapping[Event, bool]:
    found: dict[Event, bool] = {}
    for row in await sql.fetch(_EVENTS, topics) if sessions else ():
        event = _event(row["routing_key"], row["event_id"], json.loads(row["body"]))
        if event.session_id in sessions:
            found[event] = row["published"]
    return found


async def _hash(index: redis.asyncio.Redis, session_id: str) -> Row:
    fields = await index.hgetall(session_key(SessionId(session_id)))
    return {str(name): json.loads(text) if name in ("question", "users") else text for name, text in fields.items()}
