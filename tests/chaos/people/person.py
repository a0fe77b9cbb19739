"""A user's life: arrives, asks, answers, meets, leaves, perhaps once more, and goes home."""

from __future__ import annotations

import asyncio
import random
from time import monotonic
from typing import Any, Final, assert_never

from tests.chaos.people.caller import Answer, Caller
from tests.chaos.people.standing import Standing
from tests.chaos.people.strangers import pry
from tests.chaos.people.street import Street
from tests.chaos.people.tab import Tab
from tests.chaos.people.temper import Mood, Round, Stage, Temper

LAST_LOOK_SECONDS: Final = 10.0
"""How long it tries to be told how its search ended."""


class Person:
    """Goes home when its last search has come to an end, or its patience."""

    def __init__(self, temper: Temper, street: Street) -> None:
        chance = random.Random(f"{temper.user_id}-ways")  # how much of it is used depends on the service
        self._temper = temper
        self._street = street
        self._chance = chance
        self._standing = Standing()
        self._caller = Caller(user_id=temper.user_id, door=street.door, ledger=street.ledger, chance=chance)
        self._tabs = [Tab(self._caller, street, chance, self._standing.heard) for _ in range(temper.tabs)]

    async def live(self) -> None:
        """From the arrival to the way home."""
        for tab in self._tabs:
            tab.open()
        try:
            for number, plan in enumerate(self._temper.rounds):
                if number and not self._street.is_open:
                    break
                if not await self._play(plan):
                    break
        finally:
            for tab in self._tabs:
                await tab.close()

    async def _play(self, plan: Round) -> bool:
        """Whether this round came to an end."""
        self._standing.begin()
        self._caller.patience = monotonic() + self._street.patience_seconds
        await self._request(*plan.bucket)
        if not self._standing.request_id:
            return False
        self._street.rumours.spread("request_id", self._standing.request_id, self._temper.user_id)
        await self._try_out(plan)
        await self._wait(plan)
        if self._standing.session_id:
            await self._meet(plan)
        await self._look_back()
        return bool(self._standing.session_id) or self._standing.is_over

    # -- searching -------------------------------------------------------------------------------

    async def _try_out(self, plan: Round) -> None:
        """What one does who cannot wait."""
        await pry(self._temper.pries, self._caller, self._street.rumours, self._chance)
        if plan.asks_again_for is not None:
            await self._request(*plan.asks_again_for)
        if plan.changes_replica is Stage.SEARCHING:
            self._move()
        if plan.cancels_after is not None and not self._standing.match_id:
            await self._standing.changes(plan.cancels_after)
            await self._cancel()

    async def _wait(self, plan: Round) -> None:
        moods, answered = list(plan.moods), ""
        while self._standing.is_waiting and monotonic() < self._caller.patience:
            match_id = self._standing.match_id
            if match_id and match_id != answered:
                answered = match_id
                if plan.changes_replica is Stage.MATCHED:
                    self._move()
                await self._answer(match_id, *(moods.pop(0) if len(moods) > 1 else moods[0]))
            elif not await self._standing.changes(self._temper.poll_seconds):
                await self._poll(answered)

    async def _poll(self, answered: str) -> None:
        match_id = self._standing.match_id
        if match_id and match_id == answered:
            self._standing.looked_at_match(await self._caller.call("match_status", match_id=match_id), match_id)
        else:
            await self._look(self._standing.request_id)

    async def _look(self, request_id: str) -> Answer:
        match_before = self._standing.match_id
        answer = await self._caller.call("status", request_id=request_id)
        self._standing.looked(answer, match_before)
        return answer

    # -- answering -------------------------------------------------------------------------------

    async def _answer(self, match_id: str, mood: Mood, seconds: float) -> None:
        match mood:
            case Mood.HESITATE:
                await asyncio.sleep(seconds)
                if self._standing.match_id == match_id:
                    await self._confirm(match_id)
            case Mood.CONFIRM:
                await self._confirm(match_id)
            case Mood.DECLINE:
                for answer in await self._write("decline", match_id=match_id, confirmed=False):
                    self._standing.declined(answer, match_id)
            case Mood.CANCEL:
                await self._cancel()
            case Mood.IGNORE:
                pass
            case _:
                assert_never(mood)

    async def _request(self, difficulty: str, topic: str) -> None:
        for answer in await self._write("request", difficulty=difficulty, topic=topic):
            self._standing.asked(answer)

    async def _confirm(self, match_id: str) -> None:
        for answer in await self._write("confirm", match_id=match_id, confirmed=True):
            self._standing.confirmed(answer, match_id)

    async def _cancel(self) -> None:
        for answer in await self._write("cancel", request_id=self._standing.request_id):
            self._standing.cancelled(answer)

    async def _write(self, name: str, **sent: Any) -> list[Answer]:
        """As often as this user does it; two tabs confirm both."""
        copies = max(self._temper.copies, self._temper.tabs if name == "confirm" else 1)
        return await asyncio.gather(*(self._caller.call(name, **sent) for _ in range(copies)))

    def _move(self) -> None:
        for tab in self._tabs:
            tab.move()

    # -- in the session, and after it ------------------------------------------------------------

    async def _meet(self, plan: Round) -> None:
        standing, call = self._standing, self._caller.call
        self._street.ledger.tally.sessions += 1
        self._gossip()
        if plan.changes_replica is Stage.IN_SESSION:
            self._move()
        await call("session", session_id=standing.session_id)
        await call("active")
        await call("match_status", match_id=standing.match_id)
        await self._stay(plan.stays)
        for _ in range(plan.leaves):
            await self._write("leave", session_id=standing.session_id)
        if plan.leaves:
            await call("active")

    async def _stay(self, seconds: float) -> None:
        """As deployed frontends do: ask all the time."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            await asyncio.sleep(min(left, self._temper.poll_seconds))
            await self._caller.call("active")

    def _gossip(self) -> None:
        if self._standing.partner_id:  # otherwise a stranger might be the partner
            both = self._temper.user_id, self._standing.partner_id
            self._street.rumours.spread("match_id", self._standing.match_id, *both)
            self._street.rumours.spread("session_id", self._standing.session_id, *both)

    async def _look_back(self) -> None:
        """Be told once more how the search stands, for the record."""
        self._caller.patience = monotonic() + LAST_LOOK_SECONDS
        await self._look(self._standing.request_id)
        if not self._standing.session_id and not self._standing.is_over:
            self._street.ledger.tally.gave_up += 1
