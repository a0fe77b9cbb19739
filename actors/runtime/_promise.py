"""The answer to come."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from domain.errors import Stopping

if TYPE_CHECKING:
    from pykka._types import OptExcInfo

R = TypeVar("R")


class Promise(pykka.Future[R]):
    """An answer to come: awaited any number of times, by any number of askers."""

    def __init__(self, outcome: asyncio.Future[R] | None = None) -> None:
        """*outcome*, where it is given, brings the answer: then nobody else may."""
        super().__init__()
        self._outcome: asyncio.Future[R] = asyncio.get_running_loop().create_future() if outcome is None else outcome

    def __await__(self) -> Generator[Any, None, R]:
        """Wait; an asker that gives up does not spoil the answer for the others."""
        return self._answer().__await__()

    async def _answer(self) -> R:
        try:
            return await asyncio.shield(self._outcome)
        except asyncio.CancelledError:
            self._expect_life()
            raise

    async def within(self, seconds: float) -> R:
        """The answer, where it comes in so many seconds.  Raises ``TimeoutError`` otherwise, and spoils nothing."""
        if not self._outcome.done():
            loop = asyncio.get_running_loop()
            wanted = loop.create_future()
            wake = functools.partial(_wake, wanted)
            timer = loop.call_later(seconds, wake, self._outcome)
            self._outcome.add_done_callback(wake)
            try:
                await wanted
            finally:
                timer.cancel()
                self._outcome.remove_done_callback(wake)
        if not self._outcome.done():
            raise TimeoutError
        self._expect_life()
        return self._outcome.result()

    def _expect_life(self) -> None:
        """Raise ``Stopping`` where whoever would have answered was cut off: that is no cancellation of the asker."""
        if self._outcome.cancelled():
            raise Stopping

    def get(self, *, timeout: float | None = None) -> R:  # noqa: ARG002 - Pykka's signature
        """Refuse: a blocking wait would freeze every actor of the process."""
        msg = "a promise is awaited: get() would block the event loop"
        raise RuntimeError(msg)

    def set(self, value: R | None = None) -> None:
        """Answer, unless it is answered."""
        if not self._outcome.done():
            self._outcome.set_result(value)  # type: ignore[arg-type]  # Pykka types no answer as None

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Answer with an exception: the given one, or the one being handled."""
        error = (exc_info or sys.exc_info())[1]
        self.fail(Stopping() if error is None or isinstance(error, pykka.ActorDeadError) else error)

    def fail(self, error: BaseException) -> None:
        """Answer with *error*, unless it is answered."""
        if not self._outcome.done():
            self._outcome.set_exception(error)
            self._outcome.exception()  # an asker that gave up must not make the loop complain

    def settle(self, answer: R | Promise[R]) -> None:
        """Answer with a value, or with whatever another promise comes to."""
        if isinstance(answer, Promise):
            answer.when_settled(self.copy)
        else:
            self.set(answer)

    def when_settled(self, callback: Callable[[asyncio.Future[R]], None]) -> None:
        """Call *callback* once there is an outcome."""
        self._outcome.add_done_callback(callback)

    def copy(self, outcome: asyncio.Future[R]) -> None:
        """Take over the outcome of a finished future."""
        if outcome.cancelled():
            self.fail(Stopping())
        elif (error := outcome.exception()) is not None:
            self.fail(error)
        else:
            self.settle(outcome.result())


def _wake(wanted: asyncio.Future[None], _: object) -> None:
    if not wanted.done():
        wanted.set_result(None)
