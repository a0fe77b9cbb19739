"""One bucket: the people who wait for the same difficulty and topic."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

import structlog

from actors.messages import (
    BucketMessage,
    Enqueue,
    IdleTimeElapsed,
    Paired,
    PairingTimeElapsed,
    Requeue,
    SearchTimeElapsed,
    SupervisorMessage,
    Withdraw,
)
from actors.ports import Meter, Notifier, Requests
from actors.runtime import Address, BatchActor, Letter
from actors.slice import Slice, place_of
from domain.ids import RequestId
from domain.match import Match
from domain.news import RequestTimeout
from domain.pairing import Pair
from domain.request import Admission, Bucket, MatchRequest

log = structlog.get_logger()

SLACK_SECONDS = 0.02
"""How much later than by its own clock an actor asks PostgreSQL whether time is up."""

CONTENTION_SECONDS = (0.005, 0.025)
"""How long to wait, at random, when another replica held the people just looked at."""


class Door(NamedTuple):
    """What a bucket says of itself."""

    vacant: Callable[[], None]
    """Nobody waits here: it may be asked to make room for another."""
    retire: Callable[[], object]
    """Nobody has come for a while: it makes room."""


@dataclass(slots=True)
class _Batch:
    """The mail that has arrived, by what there is to do."""

    enqueued: list[tuple[Letter[BucketMessage], Enqueue]] = field(default_factory=list)
    withdrawn: list[tuple[Letter[BucketMessage], MatchRequest]] = field(default_factory=list)
    joining: list[MatchRequest] = field(default_factory=list)
    elapsed: list[MatchRequest] = field(default_factory=list)
    look_again: bool = False
    rest: bool = False

    @classmethod
    def of(cls, mail: Sequence[Letter[BucketMessage]]) -> _Batch:
        batch = cls()
        for letter in mail:
            match letter.message:
                case Enqueue() as message:
                    batch.enqueued.append((letter, message))
                case Withdraw(request):
                    batch.withdrawn.append((letter, request))
                case Requeue(request):
                    batch.joining.append(request)
                case SearchTimeElapsed(request):
                    batch.elapsed.append(request)
                case PairingTimeElapsed():
                    batch.look_again = True
                case IdleTimeElapsed():
                    batch.rest = True
                case _ as unknown:
                    assert_never(unknown)
        return batch


class BucketActor(BatchActor[BucketMessage]):
    """Owns one slice of the queue and pairs the users in it, oldest first.

    Everyone who came in meanwhile is written in one statement and paired in another, so forty new users
    make one trip to each store.
    """

    def __init__(
        self,
        bucket: Bucket,
        *,
        requests: Requests,
        queue: Slice,
        notifier: Notifier,
        meter: Meter,
        supervisor: Address[SupervisorMessage],
        door: Door,
        search_seconds: float,
        idle_seconds: float,
    ) -> None:
        super().__init__()
        self._bucket = bucket
        self._requests = requests
        self._slice = queue
        self._notifier = notifier
        self._meter = meter
        self._supervisor = supervisor
        self._door = door
        self._search_seconds = search_seconds
        self._idle_seconds = idle_seconds
        self._reminders: dict[RequestId, asyncio.TimerHandle] = {}
        self._used = False

    async def started(self) -> None:
        """Pair whom a predecessor left waiting."""
        self.remind(self._idle_seconds, IdleTimeElapsed())
        await self._pair([])

    async def receive_all(self, mail: Sequence[Letter[BucketMessage]]) -> None:
        """Write who went and who came, pair, then write whose time is up."""
        batch = _Batch.of(mail)
        joining = batch.joining
        if batch.withdrawn:
            await self._release(batch.withdrawn)
        if batch.enqueued:
            joining += await self._admit(batch.enqueued)
        if joining or batch.look_again:
            await self._pair(joining)
        if batch.elapsed:
            await self._time_out(batch.elapsed)
        if batch.rest:
            self._rest()
        if not self._reminders:
            self._door.vacant()

    async def _admit(self, letters: Sequence[tuple[Letter[BucketMessage], Enqueue]]) -> list[MatchRequest]:
        asked = [(message.request_id, message.user_id) for _, message in letters]
        admitted: list[MatchRequest] = []
        for (letter, _), outcome in zip(letters, await self._requests.add(self._bucket, asked), strict=True):
            if isinstance(outcome, Admission):
                letter.answer(outcome)
                admitted.append(outcome.request)
            else:
                letter.refuse(outcome)
        return admitted

    async def _release(self, letters: Sequence[tuple[Letter[BucketMessage], MatchRequest]]) -> None:
        cancelled = await self._requests.withdraw([request.id for _, request in letters])
        for letter, request in letters:
            letter.answer(request.id in cancelled)
        self._let_go([request for _, request in letters if request.id in cancelled], "cancelled")

    async def _time_out(self, requests: Sequence[MatchRequest]) -> None:
        now = asyncio.get_running_loop().time()
        for request in requests:
            if (reminder := self._reminders.get(request.id)) and reminder.when() <= now:
                del self._reminders[request.id]  # one that was renewed meanwhile is minded by a newer reminder
        over = await self._requests.time_out([request.id for request in requests])
        gone = [request for request in requests if request.id in over]
        for request in gone:
            self._notifier.tell(request.user_id, RequestTimeout(request_id=request.id))
            log.info("nobody came in time", action="request_timeout", user_id=request.user_id, request=request.id)
        self._let_go(gone, "timeout")

    def _let_go(self, requests: Sequence[MatchRequest], outcome: str) -> None:
        for request in requests:
            self._forget(request.id)
            self._meter.request_ended(self._bucket, outcome)
        if requests:
            self.chore(self._slice.clean([place_of(request) for request in requests], at_leisure=True))

    async def _pair(self, joining: Sequence[MatchRequest]) -> None:
        self._used = True
        for request in joining:
            self._forget(request.id)
            reminder = SearchTimeElapsed(request)
            self._reminders[request.id] = self.remind(self._search_seconds + SLACK_SECONDS, reminder)
        result = await self._slice.pair(joining)
        for match, pair in result.matches:
            self._announce(match, pair)
        if result.gone:
            self.chore(self._slice.clean(result.gone, at_leisure=True))  # nobody waits for it
        if result.contended:
            self.remind(random.uniform(*CONTENTION_SECONDS), PairingTimeElapsed())  # noqa: S311 - jitter, no secret

    def _announce(self, match: Match, pair: Pair) -> None:
        for participant in match.participants:
            self._forget(participant.request_id)
        self._supervisor.tell(Paired(match))
        since = match.created_at.timestamp()
        self._meter.matched(self._bucket, [since - one.since for one in pair])

    def _forget(self, request_id: RequestId) -> None:
        if reminder := self._reminders.pop(request_id, None):
            reminder.cancel()

    def _rest(self) -> None:
        """Make room when nobody came since the last reminder and nobody's time is minded here."""
        self.remind(self._idle_seconds, IdleTimeElapsed())
        if not self._used and not self._reminders:
            self._door.retire()
        self._used = False
