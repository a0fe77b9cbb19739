"""One user's calls: each try is written down, with what the caller knows of it afterwards."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

from tests.chaos.evidence import Operation, Outcome
from tests.chaos.people.door import Door
from tests.chaos.people.ledger import Ledger
from tests.chaos.people.rest import Cut, Reply
from tests.e2e.tokens import signed
from web.paths import BASE

ANSWER_SECONDS: Final = 5.0
"""How long an answer may take."""

CONFIRM_SECONDS: Final = 6.5
"""How long it may take to a yes, which may wait for the session."""

ISSUED_SECONDS_AGO: Final = 600
"""Users logged in a while ago: a replica whose clock is behind knows them still."""

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 1.0

ROUTES: Final[Mapping[str, tuple[str, str]]] = {
    "request": ("POST", "/request"),
    "status": ("GET", "/requests/{request_id}/status"),
    "cancel": ("DELETE", "/request/{request_id}"),
    "confirm": ("POST", "/confirm"),
    "decline": ("POST", "/confirm"),
    "match_status": ("GET", "/{match_id}/status"),
    "active": ("GET", "/sessions/active"),
    "session": ("GET", "/session/{session_id}"),
    "leave": ("POST", "/sessions/leave"),
}
"""By the operation's name."""

Ids = Mapping[str, Any]
"""What a call carries, by the contract's names."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call."""

    outcome: Outcome
    status: int = 0
    body: Ids = field(default_factory=dict)
    retry_after: int = 0

    @classmethod
    def of(cls, reply: Reply) -> Answer:
        """What *reply* says; a 2xx that is no JSON object says nothing."""
        status = reply.status
        try:
            body = json.loads(reply.body)
        except ValueError:
            body = None
        if 400 <= status < 500:
            outcome = Outcome.FAIL
        else:
            outcome = Outcome.OK if status < 300 and isinstance(body, dict) else Outcome.UNKNOWN
        return cls(outcome, status, body if isinstance(body, dict) else {}, reply.retry_after)


class Caller:
    """Calls until there is an answer, at one replica or another."""

    def __init__(self, *, user_id: str, door: Door, ledger: Ledger, chance: random.Random) -> None:
        self.user_id = user_id
        self.token = signed(user_id, iat=int(time.time()) - ISSUED_SECONDS_AGO)
        self.patience = monotonic()
        """After this moment of the machine's clock nothing is tried again."""
        self._door = door
        self._ledger = ledger
        self._chance = chance

    async def call(self, name: str, **sent: Any) -> Answer:
        """What this call is answered in the end; unknown when patience ran out first."""
        request, pause, replica = self._request(name, sent), FIRST_PAUSE_SECONDS, None
        while True:
            replica = await self._door.admit(self._chance, but=replica)
            answer = await self._try(name, request, replica, sent)
            if answer.outcome is not Outcome.UNKNOWN or monotonic() > self.patience:
                return answer
            asked_for = min(answer.retry_after, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(asked_for + pause * self._chance.random())
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _request(self, name: str, sent: Ids) -> bytes:
        method, path = ROUTES[name]
        body = b""
        if method == "POST":
            body = json.dumps({key: value for key, value in sent.items() if key != "stranger"}).encode()
        return (
            f"{method} {BASE}{path.format_map(sent)} HTTP/1.1\r\nHost: matching\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body

    async def _try(self, name: str, request: bytes, replica: int, sent: Ids) -> Answer:
        answer, invoked = Answer(Outcome.UNKNOWN), time.time()
        try:
            async with asyncio.timeout(CONFIRM_SECONDS if name == "confirm" else ANSWER_SECONDS):
                reply = await self._door.pools[replica].ask(request)
            self._door.praise(replica)
            self._ledger.inspect(reply.head + reply.body)
            answer = Answer.of(reply)
        except (Cut, TimeoutError):
            self._door.blame(replica)
        finally:  # a call that is given up with its caller may have been heard
            self._door.release(replica)
            self._ledger.operation(
                Operation(
                    user_id=self.user_id,
                    name=name,
                    replica=replica,
                    invoked=invoked,
                    ended=time.time(),
                    outcome=answer.outcome,
                    status=answer.status,
                    sent=sent,
                    got=answer.body,
                )
            )
        return answer
