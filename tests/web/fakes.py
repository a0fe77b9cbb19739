"""What the edge stands on, in memory: every answer is set by the test."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt

from actors.matchmaker import Preparing
from actors.messages import Confirmed
from domain.errors import RequestNotFound
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.match import Match
from domain.news import Snapshot
from domain.request import Admission, Bucket, MatchRequest, Place
from domain.requeue import Ending
from domain.session import Document, Session
from tests.web import builders

SECRET = "a-secret-that-is-as-long-as-the-longest-hash-needs-it-to-be-64-bytes"


def token(user_id: object = "user-123", *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """An access token; a claim given as None is left out."""
    payload = {"sub": user_id, "exp": int(time.time()) + 7200, "type": "access", **claims}
    given = {name: value for name, value in payload.items() if value is not None}
    # PyJWT refuses to encode a sub that is no text; the service must refuse to decode one.
    return jwt.PyJWS().encode(json.dumps(given).encode(), secret, algorithm)


def raised_or(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


@dataclass
class FakeMatchmaker:
    """Answers as told, and remembers what it was asked."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    found: Admission | Exception = field(default_factory=lambda: Admission(builders.request(), already_queued=False))
    cancelled: Exception | None = None
    confirmed: Confirmed | Preparing | Session | Exception = field(default_factory=lambda: Confirmed(builders.MATCH_ID))
    declined: Ending | Exception = field(default_factory=RequestNotFound)
    left: bool | Exception = True
    gate: asyncio.Event | None = None
    """Finding waits for it, when there is one."""

    async def find(self, user_id: UserId, bucket: Bucket) -> Admission:
        self.asked.append(("find", user_id, bucket))
        if self.gate is not None:
            await self.gate.wait()
        answer: Admission = raised_or(self.found)
        return answer

    async def cancel(self, user_id: UserId, request_id: RequestId) -> None:
        self.asked.append(("cancel", user_id, request_id))
        raised_or(self.cancelled)

    async def confirm(self, user_id: UserId, match_id: MatchId) -> Confirmed | Preparing | Session:
        self.asked.append(("confirm", user_id, match_id))
        answer: Confirmed | Preparing | Session = raised_or(self.confirmed)
        return answer

    async def decline(self, user_id: UserId, match_id: MatchId) -> Ending:
        self.asked.append(("decline", user_id, match_id))
        answer: Ending = raised_or(self.declined)
        return answer

    async def leave(self, user_id: UserId, session_id: SessionId) -> bool:
        self.asked.append(("leave", user_id, session_id))
        answer: bool = raised_or(self.left)
        return answer


@dataclass
class FakeReads:
    """Knows what the test put in."""

    requests: dict[tuple[str, str], MatchRequest] = field(default_factory=dict)
    matches: dict[str, Match] = field(default_factory=dict)
    sessions: dict[str, tuple[Session, Document]] = field(default_factory=dict)
    active: Session | None = None
    now: Snapshot = field(default_factory=lambda: Snapshot(None, None, None))
    failures: list[Exception] = field(default_factory=list)
    """Raised one by one before anything is answered."""
    while_reading: Callable[[], None] = lambda: None
    """Called between the read of a snapshot and its answer."""
    may_read: asyncio.Event = field(default_factory=asyncio.Event)
    snapshots: int = 0

    def __post_init__(self) -> None:
        self.may_read.set()

    async def request(self, user_id: UserId, request_id: RequestId) -> MatchRequest | None:
        self._fail()
        return self.requests.get((user_id, request_id))

    async def place(self, request: MatchRequest) -> Place:
        return Place(3, 4.25, None)

    async def match(self, user_id: UserId, match_id: MatchId) -> Match | None:
        self._fail()
        match = self.matches.get(match_id)
        return match if match is not None and user_id in match.users else None

    async def active_session(self, user_id: UserId) -> Session | None:
        return self.active if self.active is not None and user_id in self.active.users else None

    async def session(self, user_id: UserId, session_id: SessionId) -> tuple[Session, Document] | None:
        found = self.sessions.get(session_id)
        return found if found is not None and user_id in found[0].users else None

    async def any_session(self, session_id: SessionId) -> tuple[Session, Document] | None:
        return self.sessions.get(session_id)

    async def snapshot(self, user_id: UserId) -> Snapshot:
        self.snapshots += 1
        self._fail()
        await self.may_read.wait()
        self.while_reading()
        return self.now

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class FakeMeter:
    """Counts."""

    answers: list[tuple[str, str, int]] = field(default_factory=list)
    opened: int = 0
    closed: Counter[int] = field(default_factory=Counter)
    frames: int = 0
    connected: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self.answers.append((method, route, status))

    def socket_opened(self) -> None:
        self.opened += 1

    def socket_closed(self, code: int) -> None:
        self.closed[code] += 1

    def connections(self, count: int) -> None:
        self.connected = count

    def turned_away(self, why: str) -> None:
        self.refused[why] += 1

    def pushed(self, frames: int) -> None:
        self.frames += frames


@dataclass
class FakeFanout:
    """Remembers what other replicas would hear."""

    published: list[tuple[str, str]] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)

    def publish(self, user_id: UserId, text: str) -> None:
        self.published.append((user_id, text))

    async def subscribe(self, user_id: UserId) -> None:
        self.subscribed.append(user_id)

    def unsubscribe(self, user_id: UserId) -> None:
        self.subscribed = [user for user in self.subscribed if user != user_id]


@dataclass
class FakeUsers:
    """The User Service."""

    answer: bool | Exception = True
    asked: int = 0

    async def is_valid(self, token: str, user_id: UserId) -> bool:
        self.asked += 1
        known: bool = raised_or(self.answer)
        return known


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Returns once *condition* holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for knows no event
            await asyncio.sleep(0.001)
