"""The index and the sessions in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from domain.ids import SessionId, UserId
from domain.request import Bucket, Waiting
from domain.session import Document, Session
from tests.fakes.tables import Switch, reachable


class FakeQueue:
    """Satisfies ``actors.ports.Queue``: sorted sets, which forget whom to avoid."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.slices: dict[Bucket, dict[UserId, float]] = defaultdict(dict)
        self.looks = 0

    @reachable
    def join(self, bucket: Bucket, people: Sequence[Waiting], peek: int) -> Sequence[Waiting]:
        self.looks += 1
        self.slices[bucket] |= {one.user_id: one.since for one in people}
        oldest = sorted(self.slices[bucket].items(), key=lambda entry: (entry[1], entry[0].encode()))
        return [Waiting(user_id, since) for user_id, since in oldest[:peek]]

    @reachable
    def remove(self, bucket: Bucket, people: Sequence[Waiting], *, at_leisure: bool = False) -> None:
        del at_leisure  # everything is at once here
        for one in people:
            if self.slices[bucket].get(one.user_id) == one.since:
                del self.slices[bucket][one.user_id]

    @reachable
    def missing(self, bucket: Bucket, people: Sequence[Waiting]) -> Sequence[Waiting]:
        return [one for one in people if one.user_id not in self.slices[bucket]]


class FakeSessions:
    """Satisfies ``actors.ports.Sessions``; what was typed is in ``typed``."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self.sessions: dict[SessionId, Session] = {}
        self.typed: dict[SessionId, Document] = {}

    @reachable
    def create(self, session: Session) -> None:
        self.sessions.setdefault(session.id, session)
        self.typed.setdefault(session.id, Document())
