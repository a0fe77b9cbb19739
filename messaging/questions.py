"""The Question Service client: one short list per bucket, kept for a while, picked from at random."""

from __future__ import annotations

import asyncio
import contextvars
import random
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import stamina
import structlog
from aiohttp import ClientSession

from domain.errors import NeighbourUnavailable
from domain.request import Bucket
from domain.session import Question
from messaging.meter import Meter
from messaging.neighbour import Neighbour, Reply
from messaging.pace import Clock, Rest, Seldom
from messaging.question_list import read_questions

log = structlog.get_logger()

SERVICE: Final = "question_service"
PATH: Final = "/questions/filter/topics-difficulty"
MOST_BYTES: Final = 2 * 1024 * 1024
"""500 questions with a statement of 2,000 characters each take 1.1 MB."""
TRIES: Final = 3
BUDGET_SECONDS: Final = 6.0
"""For all tries together."""
FRESH_SECONDS: Final = 60.0
STALE_SECONDS: Final = 600.0
"""How old a list may be and still serve while the service does not."""
PATIENCE_SECONDS: Final = 0.5
"""For a new list, while there is a stale one."""
REST_SECONDS: Final = 1.0
MOST_LISTS: Final = 128


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A bucket's list, and since when we have it."""

    questions: Sequence[Question]
    since: float


class QuestionService:
    """Questions from the Question Service.

    A list is asked for once however many want it at the same time, and serves for a minute; while the
    service fails, for ten.  After a failure nothing is asked for a second.
    """

    def __init__(
        self,
        *,
        url: str,
        session: ClientSession,
        meter: Meter,
        choice: random.Random,
        base_path: str = "/api/v1",
        clock: Clock = time.monotonic,
    ) -> None:
        self._neighbour = Neighbour(
            name=SERVICE, url=url.rstrip("/") + base_path, session=session, meter=meter, most_bytes=MOST_BYTES
        )
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=TRIES, timeout=BUDGET_SECONDS, wait_initial=0.1, wait_max=0.5, wait_jitter=0.1
        ).on(NeighbourUnavailable)
        self._choice = choice
        self._clock = clock
        self._rest = Rest(seconds=REST_SECONDS, clock=clock)
        self._seldom = Seldom(clock=clock)
        self._shelves: OrderedDict[Bucket, _Shelf] = OrderedDict()
        self._fetches: dict[Bucket, asyncio.Task[_Shelf]] = {}

    async def pick(self, bucket: Bucket) -> Question:
        """A question for *bucket*, picked at random, within 6 seconds.

        Raises :class:`~domain.errors.NeighbourUnavailable` also when there is none.
        """
        shelf = self._shelf(bucket, FRESH_SECONDS) or await self._renewed(bucket)
        return self._choice.choice(shelf.questions)

    def at_hand(self, bucket: Bucket) -> Question | None:
        """The same from a fresh list that we have, if we have one."""
        shelf = self._shelf(bucket, FRESH_SECONDS)
        return self._choice.choice(shelf.questions) if shelf else None

    async def close(self) -> None:
        """Give up what is being asked."""
        for fetch in self._fetches.values():
            fetch.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)

    def _shelf(self, bucket: Bucket, seconds: float) -> _Shelf | None:
        shelf = self._shelves.get(bucket)
        return shelf if shelf is not None and self._clock() - shelf.since < seconds else None

    async def _renewed(self, bucket: Bucket) -> _Shelf:
        stale = self._shelf(bucket, STALE_SECONDS)
        if self._rest.is_on and bucket not in self._fetches:
            if stale is None:
                raise NeighbourUnavailable(SERVICE, "it failed a moment ago")
            return stale
        fetch = self._fetch_once(bucket)
        await asyncio.wait({fetch}, timeout=None if stale is None else PATIENCE_SECONDS)
        if stale is not None and (not fetch.done() or fetch.exception() is not None):
            return stale
        return await asyncio.shield(fetch)

    def _fetch_once(self, bucket: Bucket) -> asyncio.Task[_Shelf]:
        """The one fetch for *bucket* under way: whoever waits for it may leave without ending it."""
        fetch = self._fetches.get(bucket)
        if fetch is None:
            fetch = self._fetches[bucket] = asyncio.get_running_loop().create_task(
                self._fetch(bucket), name=f"questions {bucket}", context=contextvars.Context()
            )
            fetch.add_done_callback(lambda done: self._fetched(bucket, done))
        return fetch

    def _fetched(self, bucket: Bucket, fetch: asyncio.Task[_Shelf]) -> None:
        del self._fetches[bucket]
        if fetch.cancelled():
            return
        error = fetch.exception()
        if error is None:
            self._keep(bucket, fetch.result())
        elif self._seldom.is_due(SERVICE):
            log.warning("no questions", action="fetch_questions", bucket=str(bucket), reason=repr(error))

    def _keep(self, bucket: Bucket, shelf: _Shelf) -> None:
        self._shelves[bucket] = shelf
        self._shelves.move_to_end(bucket)
        while len(self._shelves) > MOST_LISTS:
            self._shelves.popitem(last=False)

    async def _fetch(self, bucket: Bucket) -> _Shelf:
        try:
            reply = await self._ask(bucket)
        except NeighbourUnavailable:
            self._rest.begin()
            raise
        questions = read_questions(reply.body, bucket) if reply.is_ok else []
        if questions is None:
            self._rest.begin()
            raise self._neighbour.unavailable("its answer is no list of questions")
        if not questions:
            raise self._neighbour.unavailable(f"it has no question for {bucket}")
        return _Shelf(questions, self._clock())

    async def _ask(self, bucket: Bucket) -> Reply:
        query = {"difficulty": bucket.difficulty.value, "topics": bucket.topic}
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                reply = await self._retrying(self._neighbour.get, PATH, query=query)
        except TimeoutError:
            raise self._neighbour.unavailable(f"no answer within {BUDGET_SECONDS:g} s") from None
        if not reply.is_ok and reply.status != HTTPStatus.NOT_FOUND:
            raise self._neighbour.unavailable(f"answered {reply.status}")
        return reply
