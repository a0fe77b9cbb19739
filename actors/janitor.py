"""The janitor: finds what a crashed process left behind and hands it to the right mailbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import assert_never

import structlog

from actors.messages import (
    BucketMessage,
    ConfirmTimeElapsed,
    JanitorMessage,
    PairingTimeElapsed,
    Recall,
    Requeue,
    Resume,
    RetentionTimeElapsed,
    SearchTimeElapsed,
    SupervisorMessage,
    SweepTimeElapsed,
)
from actors.ports import Meter, Queue, Recovery
from actors.runtime import Actor, Address
from actors.slice import place_of
from domain.errors import StoreUnavailable
from domain.request import Bucket, MatchRequest

log = structlog.get_logger()

PAGE = 2000
"""Pending requests compared with the index at once: one page a sweep while none is missing."""

MOST_PAGES = 25
"""Pages in one sweep while the index turns out to have lost requests."""

RETENTION_SECONDS = 600.0
"""Between two deletions of old rows."""

BACKLOG_SECONDS = 1.0
"""The same, while there are more than go in one deletion."""


class Janitor(Actor[JanitorMessage]):
    """Sweeps every second or so.  It only reads and hands over: the receivers' writes are conditional.

    Every replica has one, and all may find the same; whoever comes second changes nothing.
    """

    def __init__(
        self,
        *,
        recovery: Recovery,
        queue: Queue,
        meter: Meter,
        buckets: Callable[[Bucket], Address[BucketMessage]],
        supervisor: Address[SupervisorMessage],
        sweep_seconds: float,
    ) -> None:
        super().__init__()
        self._recovery = recovery
        self._queue = queue
        self._meter = meter
        self._buckets = buckets
        self._supervisor = supervisor
        self._sweep_seconds = sweep_seconds
        self._page = 0
        self._is_looking_through = False

    async def started(self) -> None:
        """Sweep at once: a predecessor may have crashed."""
        self.remind(0, SweepTimeElapsed())
        self.remind(RETENTION_SECONDS, RetentionTimeElapsed())

    async def receive(self, message: JanitorMessage) -> None:
        """Sweep, and remind oneself of the next time whatever happens."""
        match message:
            case SweepTimeElapsed():
                self.remind(self._sweep_seconds, SweepTimeElapsed())
                await self._sweep()
                if not self._is_looking_through:
                    self._is_looking_through = True
                    self.chore(self._look_through())
            case RetentionTimeElapsed():
                await self._forget_old()
            case _ as unknown:
                assert_never(unknown)

    async def _sweep(self) -> None:
        await self._beat()
        left = await self._recovery.leftovers()
        for request in left.overdue_requests:
            self._buckets(request.bucket).tell(SearchTimeElapsed(request))
        for match_id in left.overdue_matches:
            self._supervisor.tell(ConfirmTimeElapsed(match_id))
        for match in left.unopened:
            self._supervisor.tell(Resume(match))
        for match in left.untold:
            self._supervisor.tell(Recall(match))
        self._count("overdue_request", left.overdue_requests)
        self._count("overdue_match", left.overdue_matches)
        self._count("unopened_session", left.unopened)
        self._count("untold_match", left.untold)

    async def _look_through(self) -> None:
        """What takes long where Redis is slow: the next sign of life does not wait for it."""
        try:
            await self._repair_index()
            self._meter.census(*await self._recovery.census())
        finally:
            self._is_looking_through = False

    async def _beat(self) -> None:
        """First of all: nobody is found overdue who could not answer."""
        beat = await self._recovery.beat()
        self._meter.clock_ahead(beat.clock_ahead_seconds)
        if beat.extended:
            log.warning(
                "nobody could confirm for a while: deadlines are moved",
                action="outage",
                seconds=round(beat.away_seconds, 1),
                count=beat.extended,
            )

    async def _repair_index(self) -> None:
        """Hand over pending requests that the index has lost, and those whom nobody paired."""
        for _ in range(MOST_PAGES):
            pending, self._page = await self._recovery.pending(self._page, PAGE)
            by_bucket: dict[Bucket, list[MatchRequest]] = defaultdict(list)
            for request in pending:
                by_bucket[request.bucket].append(request)
            lost = await self._lost(by_bucket)
            self._count("missing_in_index", lost)
            lossy = {request.bucket for request in lost}
            for request in lost:
                self._buckets(request.bucket).tell(Requeue(request))
            for bucket, requests in by_bucket.items():
                if bucket not in lossy and len(requests) > 1:
                    self._buckets(bucket).tell(PairingTimeElapsed())
            if not lost or not self._page:
                return

    async def _lost(self, by_bucket: Mapping[Bucket, Sequence[MatchRequest]]) -> Sequence[MatchRequest]:
        """Those whom the index has lost; whoever waits is paired without it while it is away."""
        lost: list[MatchRequest] = []
        with suppress(StoreUnavailable):
            for bucket, requests in by_bucket.items():
                gone = await self._queue.missing(bucket, [place_of(request) for request in requests])
                missing = {one.user_id for one in gone}
                lost += [request for request in requests if request.user_id in missing]
        return lost

    def _count(self, what: str, found: Sequence[object]) -> None:
        if found:
            self._meter.left_behind(what, len(found))
            log.info("left behind", action="swept", what=what, count=len(found))

    async def _forget_old(self) -> None:
        pause = RETENTION_SECONDS
        try:
            deleted, more = await self._recovery.forget_old()
            if deleted:
                log.info("old rows deleted", action="retention", count=deleted)
            if more:
                pause = BACKLOG_SECONDS
        finally:
            self.remind(pause, RetentionTimeElapsed())
