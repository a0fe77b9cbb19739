"""The janitor: finds what a crashed process left behind and hands it to the right mailbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import assert_never

import structlog

from actors.messages import (
    BucketMessage,
    ConfirmTimeElapsed,
    JanitorMessage,
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
from domain.errors import StoreUnavailable, TooManyBuckets
from domain.request import Bucket, MatchRequest

log = structlog.get_logger()

PAGE = 2000
"""Pending requests compared with the index in one sweep."""

RETENTION_SECONDS = 600.0
"""Between two deletions of old rows."""


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
            case RetentionTimeElapsed():
                self.remind(RETENTION_SECONDS, RetentionTimeElapsed())
                await self._forget_old()
            case _ as unknown:
                assert_never(unknown)

    async def _sweep(self) -> None:
        left = await self._recovery.leftovers()
        for request in left.overdue_requests:
            self._tell_bucket(request.bucket, SearchTimeElapsed(request))
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
        await self._repair_index()
        self._meter.census(*await self._recovery.census())

    async def _repair_index(self) -> None:
        """Hand over pending requests that the index has lost, and those whom nobody paired."""
        pending, self._page = await self._recovery.pending(self._page, PAGE)
        by_bucket: dict[Bucket, list[MatchRequest]] = defaultdict(list)
        for request in pending:
            by_bucket[request.bucket].append(request)
        for bucket, requests in by_bucket.items():
            for request in await self._lost(bucket, requests):
                self._tell_bucket(bucket, Requeue(request))

    async def _lost(self, bucket: Bucket, requests: Sequence[MatchRequest]) -> Sequence[MatchRequest]:
        try:
            missing = {one.user_id for one in await self._queue.missing(bucket, [place_of(one) for one in requests])}
        except StoreUnavailable:
            return requests[:1] if len(requests) > 1 else []  # two who may be paired without the index
        lost = [request for request in requests if request.user_id in missing]
        self._count("missing_in_index", lost)
        return lost or (requests[:1] if len(requests) > 1 else [])

    def _tell_bucket(self, bucket: Bucket, message: BucketMessage) -> None:
        try:
            self._buckets(bucket).tell(message)
        except TooManyBuckets:
            log.warning("no room for a bucket that has work", action="sweep_skipped", bucket=str(bucket))

    def _count(self, what: str, found: Sequence[object]) -> None:
        if found:
            self._meter.left_behind(what, len(found))
            log.info("left behind", action="swept", what=what, count=len(found))

    async def _forget_old(self) -> None:
        deleted = await self._recovery.forget_old()
        if deleted:
            log.info("old rows deleted", action="retention", count=deleted)
