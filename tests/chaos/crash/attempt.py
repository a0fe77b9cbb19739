"""One run: a replica that will die, two people, and whoever goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

from tests.chaos.crash import judge
from tests.chaos.crash.lane import CALM_SECONDS, Lane, Variant, until_none
from tests.chaos.crash.nursery import End, Replica
from tests.chaos.crash.replica import CRASHED, VARIABLE
from tests.chaos.crash.steps import STEPS
from tests.chaos.crash.stories import Scene, play
from tests.chaos.crash.user import Balancer, Manner, User

PATIENCE: Final = 3
"""For how many times the limit a run is watched, to say how late it was."""

STORY_SECONDS: Final = 20.0
"""How long a story may take to come to its step."""

STEP_SECONDS: Final = 3.0
"""How long after a story its step may still be taken."""

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one run."""

    step: str
    variant: Variant
    manner: Manner
    crashed: bool = False
    """False when another replica took the step: to be repeated."""
    recovery_seconds: float = 0.0
    """From the death until everything was well again."""
    is_late: bool = False
    """Whether that took longer than the limit."""
    violations: Sequence[str] = ()
    """What was wrong, other than that."""
    leftovers: int = 0
    """People who no longer waited, and stayed in the index until somebody looked."""


async def attempt(lane: Lane, step: str, manner: Manner, *, limit_seconds: float) -> Run:
    """One run, from the start of the replica that will die until the lane is calm again.

    *limit_seconds* after the death everything must be well.
    """
    topic = f"Crash {next(_numbers)}"
    lane.topics.append(topic)
    victim = await lane.start_replica(**STEPS[step].settings, **{VARIABLE: step})
    trying = _Attempt(lane, step, manner, topic, victim, limit_seconds)
    try:
        run = await trying.run()
    finally:
        await trying.close()
    return trying.with_errors(run)


class _Attempt:
    def __init__(
        self, lane: Lane, step: str, manner: Manner, topic: str, victim: Replica, limit_seconds: float
    ) -> None:
        self._lane = lane
        self._limit_seconds = limit_seconds
        self._name = step
        self._step = STEPS[step]
        self._manner = manner
        self._topic = topic
        self._victim = victim
        self._heir = lane.steady
        self._balancer = Balancer(victim.url)
        self._crashed = asyncio.Event()
        self._first = self._person("ann", at=lane.steady.url if lane.steady else "")
        self._second = self._person("ben")
        self._people = [self._first, self._second]
        self._story = asyncio.create_task(play(Scene(self._step, self._first, self._second, self._crashed)))
        self._succession = asyncio.create_task(self._succeed())

    def _person(self, name: str, *, at: str = "") -> User:
        return User(
            f"{name}-{self._topic.replace(' ', '-')}",
            topic=self._topic,
            http=self._lane.house.http,
            balancer=self._balancer,
            manner=self._manner,
            at=at,
        )

    async def run(self) -> Run:
        """Whatever the people and the stores make of it."""
        death = await self._death()
        if death is None:
            return self._run(crashed=bool(broken := self._broken()), violations=broken)
        violations = [] if death.code == CRASHED else [f"the replica ended with {death.code}"]
        violations.extend(await self._recover(death.at))
        seconds = time.monotonic() - death.at
        run = self._run(
            crashed=True, recovery_seconds=seconds, is_late=seconds > self._limit_seconds, violations=violations
        )
        if violations:
            return run
        leftovers, remains = await self._go_home()
        return replace(run, violations=remains, leftovers=leftovers)

    def _run(self, **found: object) -> Run:
        return Run(step=self._name, variant=self._lane.variant, manner=self._manner, **found)  # type: ignore[arg-type]

    # -- death -----------------------------------------------------------------------------------

    async def _succeed(self) -> None:
        """When the replica is gone, send people to whoever goes on."""
        await asyncio.shield(self._victim.ended)
        self._balancer.turn_to("")
        if self._heir is None:
            self._heir = await self._lane.start_replica()
        self._balancer.turn_to(self._heir.url)
        self._crashed.set()

    async def _death(self) -> End | None:
        """How the replica died; None when its step was taken by another."""
        ended = self._victim.ended
        either: set[asyncio.Future[Any]] = {ended, self._story}
        await asyncio.wait(either, timeout=STORY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({ended}, timeout=STEP_SECONDS)
        return ended.result() if ended.done() else None

    # -- recovery --------------------------------------------------------------------------------

    async def _recover(self, died: float) -> Sequence[str]:
        """Returns when everything is well; what is not when patience is at its end."""
        patience = died + PATIENCE * self._limit_seconds
        await asyncio.wait({self._story}, timeout=patience - time.monotonic())
        return self._broken() or await until_none(self._complaints, patience - time.monotonic())

    def _broken(self) -> Sequence[str]:
        """Why the story cannot go on, if so."""
        error = self._story.exception() if self._story.done() else None
        return [f"the story broke off: {error!r}"] if error else []

    async def _complaints(self) -> Sequence[str]:
        truth = await self._lane.look(self._topic)
        accounts = [user.account for user in self._people]
        found = judge.complaints(self._step.story, accounts, truth)
        found += judge.unmarked(truth) if self._step.leaves_marks else []
        return found if self._story.done() else [*found, "people do not know all that they are to know"]

    # -- the way home ----------------------------------------------------------------------------

    async def _go_home(self) -> tuple[int, Sequence[str]]:
        """Whoever still waits cancels; how many others were left in the index, and what remains wrong."""
        try:
            async with asyncio.timeout(CALM_SECONDS):
                left = await self._empty()
        except TimeoutError:
            return 0, ["people do not get home"]
        return left, await until_none(self._remains, CALM_SECONDS)

    async def _empty(self) -> int:
        truth = await self._lane.look(self._topic)
        waiting = {row["user_id"] for row in truth.requests if row["status"] == "pending"}
        left = judge.leftovers(truth)
        for user in self._people:
            if user.account.user_id in waiting:
                await user.cancel()
        if left:
            visitor = self._person("visitor")
            self._people.append(visitor)
            await visitor.ask()
            await visitor.cancel()
        return len(left)

    async def _remains(self) -> Sequence[str]:
        return judge.remains(await self._lane.look(self._topic))

    # -- the end ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Hang up, and end the replicas of this run alone."""
        for task in (self._story, self._succession):
            task.cancel()
        await asyncio.wait({self._story, self._succession})
        for user in self._people:
            await user.close()
        for replica in self._own():
            await replica.kill()

    def with_errors(self, run: Run) -> Run:
        """*run*, with what its replicas' logs complain of; a clean log is deleted."""
        errors = [line for replica in self._own() for line in replica.errors()]
        if not errors:
            for replica in self._own():
                replica.log.unlink()
            return run
        return replace(run, violations=[*run.violations, *(f"the log says {line}" for line in errors)])

    def _own(self) -> list[Replica]:
        heirs = [self._heir] if self._heir is not None and self._heir is not self._lane.steady else []
        return [self._victim, *heirs]
