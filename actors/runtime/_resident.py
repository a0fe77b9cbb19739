"""What all actors have in common: the loop, the end, and what they can do beside their mail."""

from __future__ import annotations

import asyncio
import contextvars
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pykka
import structlog
from pykka.messages import _ActorStop

from actors.runtime._mail import Mailbox
from actors.runtime._promise import Promise
from actors.runtime._standstill import Standstill, standstill_of
from domain.errors import MatchingError, Stopping, Unavailable

if TYPE_CHECKING:
    from pykka._envelope import Envelope

log = structlog.get_logger()

M = TypeVar("M")
R = TypeVar("R")

MOST_MAIL_AT_ONCE = 200
"""Letters handed over in one batch."""

LAST_SECONDS = 2.0
"""How long a stopped actor's errands may go on."""


@dataclass(frozen=True, slots=True)
class _ChoreFailed:
    """To oneself: a chore failed, which ends the actor once it has read what came before."""

    error: Exception


_ENDS = (_ActorStop, _ChoreFailed)


class Resident(pykka.Actor, Generic[M]):
    """One mailbox, and whoever handles its mail on the event loop.

    What is raised out of the handling ends it, and :mod:`actors.system` starts a successor with the unread mail;
    only :class:`~domain.errors.Unavailable` is survived, since the janitor finds what was left undone.  Whoever
    is given up while it handles a message has a successor as well.
    """

    actor_inbox: Mailbox
    task: asyncio.Task[None]

    def __init__(self) -> None:
        super().__init__()
        self.died: Callable[[Exception, list[Envelope[Any]]], None] | None = None
        self._errands: set[asyncio.Task[Any]] = set()
        self._unread: list[Envelope[Any]] = []
        self._is_idle = False
        self._is_given_up = False

    # -- what an actor is made of ----------------------------------------------------------------

    async def started(self) -> None:
        """Run before the first message: rebuild here what a predecessor knew."""

    async def stopped(self) -> None:
        """Run after the last message and the last errand."""

    # -- what an actor can do --------------------------------------------------------------------

    def remind(self, delay: float, message: M) -> asyncio.TimerHandle:
        """Send *message* to this actor's own mailbox after *delay* seconds."""
        return asyncio.get_running_loop().call_later(delay, self._tell_if_alive, message)

    def errand(self, work: Coroutine[Any, Any, R]) -> Promise[R]:
        """Do slow *work* beside the mailbox and promise its result.

        Where *work* comes to another promise, an ask that is answered with this one gets what that one comes to.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._end_errand)
        return Promise(task)

    def _end_errand(self, errand: asyncio.Task[Any]) -> None:
        self._errands.discard(errand)
        if not errand.cancelled():
            errand.exception()  # whoever wants to know is told: the loop must not complain

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work* beside the mailbox that nobody waits for; its failure counts as a told message's."""
        self.errand(self._survive(work, None))

    def pipe(self, promise: Promise[R], kept: Callable[[R], M], broken: Callable[[Exception], M | None]) -> None:
        """Turn what becomes of *promise* into a message to this actor, or into none."""

        def deliver(outcome: asyncio.Future[R]) -> None:
            try:
                message: M | None = kept(outcome.result())
            except asyncio.CancelledError:
                message = broken(Stopping())
            except Exception as error:
                if not isinstance(error, MatchingError):
                    log.exception("an errand failed", action="errand_failed", actor=type(self).__name__)
                message = broken(error)
            if message is not None:
                self._tell_if_alive(message)

        promise.when_settled(deliver)

    def _tell_if_alive(self, message: M) -> None:
        if self.actor_ref.is_alive():
            self.actor_ref.tell(message)

    # -- what is seen of it from outside ---------------------------------------------------------

    def standstill(self) -> Standstill | None:
        """What the handling of the present message waits for; None between messages."""
        return None if self._is_idle or self.task.done() else standstill_of(self.task)

    def give_up(self, error: Exception) -> None:
        """Fail with *error* although the handling has not returned: cancel it, and let a successor go on."""
        if not self._is_given_up and self.actor_ref.is_alive():
            self._is_given_up = True
            self.task.cancel()
            self._fail(error, self._unread)

    # -- the seam Pykka leaves for new actor types -----------------------------------------------

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> Promise[Any]:
        return Promise()

    def _start_actor_loop(self) -> None:
        # In a context of its own: whoever happened to wake a bucket is not the one it works for.
        loop, context = asyncio.get_running_loop(), contextvars.Context()
        self.task = loop.create_task(self._live(), name=str(self), context=context)

    async def _live(self) -> None:
        try:
            await self._work()
        except asyncio.CancelledError:
            if not self._is_given_up:
                raise
            self.task.uncancel()  # what follows may time out
        await self._finish_errands()
        await self._survive(self.stopped(), [])

    async def _work(self) -> None:
        await self._survive(self.started(), [])
        while not self.actor_stopped.is_set():
            self._is_idle = True
            mail = await self.actor_inbox.collect(MOST_MAIL_AT_ONCE)
            self._is_idle = False
            if end := _until_the_end(mail):
                self.actor_inbox.put_back(mail[end:])
                await self._attend(mail[:end])
            else:
                self._obey(mail)

    async def _finish_errands(self) -> None:
        """Give running errands a moment; what is cut off then, another replica finds."""
        if self._errands:
            _, late = await asyncio.wait(self._errands, timeout=LAST_SECONDS)
            for errand in late:
                errand.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @abstractmethod
    async def _attend(self, mail: list[Envelope[Any]]) -> None:
        """Handle letters, of which none says that this is the end."""

    async def _survive(self, work: Coroutine[Any, Any, None], unread: list[Envelope[Any]] | None) -> None:
        """Do *work*; should it fail, a successor gets *unread*.  None for a chore: it fails by mail to oneself."""
        try:
            await work
        except Unavailable as error:
            log.warning(
                "put off: the janitor will find it", action="put_off", actor=type(self).__name__, error=repr(error)
            )
        except Exception as error:  # noqa: BLE001 - the one place where an actor's failure ends the actor
            if unread is None and self.actor_ref.is_alive():
                self.actor_ref.tell(_ChoreFailed(error))
            else:
                self._fail(error, unread or [])

    def _obey(self, mail: list[Envelope[Any]]) -> None:
        """Fail or stop, as the first letter says."""
        first = mail[0].message
        if isinstance(first, _ChoreFailed):
            self._fail(first.error, mail[1:])
            return
        self.died = None  # nobody follows an actor that was asked to stop
        self._stop()
        self.actor_inbox.put_back(mail)
        self._actor_loop_teardown()

    def _fail(self, error: Exception, unread: list[Envelope[Any]]) -> None:
        self._handle_failure(type(error), error, error.__traceback__)  # logs, unregisters and stops
        died, self.died = self.died, None  # one successor, whatever else fails
        if died is not None:
            died(error, [*unread, *self.actor_inbox.take_all()])


def _until_the_end(mail: list[Envelope[Any]]) -> int:
    """How many letters come before one that says that this is the end."""
    for position, envelope in enumerate(mail):
        if isinstance(envelope.message, _ENDS):
            return position
    return len(mail)
