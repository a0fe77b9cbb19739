"""The name of an actor that outlives its incarnations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pykka

from actors.runtime._mail import Ask
from actors.runtime._promise import Promise
from actors.runtime._resident import Resident
from actors.runtime._standstill import Standstill
from domain.errors import Stopping

if TYPE_CHECKING:
    from pykka._envelope import Envelope

M = TypeVar("M")
R = TypeVar("R")


class Address(Generic[M]):
    """Where an actor gets its mail, whichever incarnation lives there now."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._resident: Resident[M] | None = None

    def move_in(self, actor: Resident[M], *, unread: Sequence[Envelope[Any]] = ()) -> None:
        """Start *actor* here, with the mail its predecessor has not read."""
        self._resident = actor
        pykka.ActorRegistry.register(actor.actor_ref)
        for envelope in unread:
            actor.actor_inbox.put(envelope)
        actor._start_actor_loop()  # noqa: SLF001 - Pykka's start() would construct the actor itself

    @property
    def depth(self) -> int:
        """Letters waiting."""
        return len(self._resident.actor_inbox) if self._resident is not None else 0

    def standstill(self) -> Standstill | None:
        """What the actor waits for in the midst of a message; None between messages."""
        return self._resident.standstill() if self._resident is not None else None

    def give_up(self, error: Exception) -> None:
        """Let a successor take over from an actor whose handling does not return."""
        if self._resident is not None:
            self._resident.give_up(error)

    def tell(self, message: M) -> None:
        """Send *message*; to an actor that has stopped, it is lost as all that comes too late."""
        if self._resident is not None and self._resident.actor_ref.is_alive():
            self._resident.actor_ref.tell(message)

    def ask(self, message: Ask[R]) -> Promise[R]:
        """Send *message* and promise the answer."""
        if self._resident is None:
            promise: Promise[R] = Promise()
            promise.fail(Stopping())
            return promise
        return self._resident.actor_ref.ask(message, block=False)  # type: ignore[return-value]  # made by _create_future

    async def vacate(self) -> None:
        """Let the actor finish its mail, its errands and itself; should it fail at that, its successor."""
        left = None
        while (resident := self._resident) is not left and resident is not None:
            if resident.actor_ref.is_alive():
                resident.stop()
            await resident.task
            left = resident
