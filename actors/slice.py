"""A bucket's slice of the queue: peek in the index, decide in PostgreSQL, then clean the index."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog
from uuid_utils import uuid7

from actors.ports import Proposals, Questions, Queue, Requests
from domain.errors import StoreUnavailable
from domain.ids import MatchId, UserId
from domain.match import Match
from domain.pairing import Pair, pair_up
from domain.request import Bucket, MatchRequest, Waiting

log = structlog.get_logger()

HEAD = 100
"""How many of the oldest are looked at together: fifty pairs a statement."""

CROWD = 5000
"""How many are looked at together once a whole head turned out not to wait."""

MOST_CROWDS = 50
"""How many such looks there are in a row: the others in the mailbox want a turn too."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the slice brought."""

    matches: Sequence[tuple[Match, Pair]]
    """Committed, with the places their people had in the queue."""
    gone: Sequence[Waiting] = ()
    """Who is to be cleaned out of the index, when nothing else is to be done."""
    contended: bool = False
    """Whether another replica held some of the people: another look is due."""


class Slice:
    """The people of one bucket as the index has them, and the way to pair them.

    The index only proposes: one conditional statement keeps the pairs that are true, and whoever turned
    out not to wait is taken out.  Without the index, the same statement is fed from PostgreSQL.
    """

    def __init__(
        self, bucket: Bucket, *, requests: Requests, proposals: Proposals, queue: Queue, questions: Questions
    ) -> None:
        self._bucket = bucket
        self._requests = requests
        self._proposals = proposals
        self._queue = queue
        self._questions = questions
        self._leaving: dict[UserId, asyncio.Future[None]] = {}

    async def pair(self, joining: Iterable[MatchRequest]) -> Round:
        """Take *joining* in, then pair until nobody in the head can be paired with anyone."""
        people = [place_of(request) for request in joining]
        avoided = {one.user_id: one.avoid for one in people}
        made: list[tuple[Match, Pair]] = []
        if under_way := {self._leaving[user_id] for user_id in avoided if user_id in self._leaving}:
            await asyncio.wait(under_way)  # whoever comes back here is not taken out by what was sent before
        head = await self._look(people)
        while proposal := self._propose(head, avoided):
            verdict = await self._proposals.propose(self._bucket, list(proposal.items()))
            made += [(match, proposal[match.id]) for match in verdict.matches]
            avoided |= {one.user_id: one.avoid for one in verdict.free}
            staying = {one.user_id for one in verdict.free} | set(verdict.held)
            gone = [one for pair in proposal.values() for one in pair if one.user_id not in staying]
            if len(head) < HEAD and len(verdict.matches) == len(proposal):
                return Round(made, gone)
            await self.clean(gone)
            if verdict.held:
                return Round(made, contended=True)
            if len(head) == HEAD and not staying and not verdict.matches:
                await self._banish()
            head = await self._look([])
        return Round(made)

    async def clean(self, people: Iterable[Waiting], *, at_leisure: bool = False) -> None:
        """Take *people* out of the index; should that fail, the next look will find them stale."""
        gone = {one.user_id: one for one in people}
        if not gone:
            return
        cleaned = asyncio.get_running_loop().create_future()
        self._leaving |= dict.fromkeys(gone, cleaned)
        try:
            await self._queue.remove(self._bucket, list(gone.values()), at_leisure=at_leisure)
        except StoreUnavailable:
            log.debug("index not cleaned", action="clean_skipped", bucket=str(self._bucket))
        finally:
            cleaned.set_result(None)
            for user_id in gone:
                if self._leaving.get(user_id) is cleaned:
                    del self._leaving[user_id]

    async def _banish(self) -> None:
        """Take out of the index, in large portions, who does not wait: a head full of them hides the others."""
        with suppress(StoreUnavailable):
            for _ in range(MOST_CROWDS):
                crowd = await self._queue.join(self._bucket, [], CROWD)
                true = await self._requests.still_waiting(self._bucket, [one.user_id for one in crowd])
                await self.clean(one for one in crowd if one.user_id not in true)
                if 2 * len(true) >= len(crowd):
                    return

    async def _look(self, joining: Sequence[Waiting]) -> Sequence[Waiting]:
        try:
            return await self._queue.join(self._bucket, joining, HEAD)
        except StoreUnavailable:
            return await self._requests.waiting(self._bucket, HEAD)

    def _propose(self, head: Sequence[Waiting], avoided: dict[UserId, UserId | None]) -> dict[MatchId, Pair]:
        waiting = [Waiting(one.user_id, one.since, avoided.get(one.user_id, one.avoid)) for one in head]
        pairs = pair_up(waiting, everyone=len(head) < HEAD)
        return {MatchId(str(uuid7())): replace(pair, question=self._questions.at_hand(self._bucket)) for pair in pairs}


def place_of(request: MatchRequest) -> Waiting:
    """The request's place in the queue."""
    return Waiting(request.user_id, request.created_at.timestamp(), request.avoid)
