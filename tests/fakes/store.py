"""Every port of the stores over the same rows, with one clock."""

from __future__ import annotations

from domain.errors import StoreUnavailable
from messaging.events import encode
from tests.fakes.matches import FakeMatches, FakeOpenings
from tests.fakes.recovery import FakeOutbox, FakeReads, FakeRecovery
from tests.fakes.redis import FakeQueue, FakeSessions
from tests.fakes.requests import FakeProposals, FakeRequests
from tests.fakes.tables import Clock, Switch, Tables

SEARCH_SECONDS = 60.0
CONFIRM_SECONDS = 120.0
SESSION_SECONDS = 3600.0
RETENTION_DAYS = 7.0


class FakeStore:
    """PostgreSQL and Redis in memory; ``postgres`` and ``redis`` take them away."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.postgres = Switch(StoreUnavailable("postgres"))
        self.redis = Switch(StoreUnavailable("redis"))
        self.tables = Tables(self.clock, self.postgres, search_seconds=SEARCH_SECONDS, confirm_seconds=CONFIRM_SECONDS)
        self.requests = FakeRequests(self.tables)
        self.proposals = FakeProposals(self.tables)
        self.matches = FakeMatches(self.tables)
        self.openings = FakeOpenings(self.tables, encode=encode)
        self.outbox = FakeOutbox(self.tables)
        self.recovery = FakeRecovery(self.tables, retention_days=RETENTION_DAYS)
        self.queue = FakeQueue(self.redis)
        self.sessions = FakeSessions(self.redis)
        self.reads = FakeReads(self.tables, self.sessions, session_seconds=SESSION_SECONDS)
