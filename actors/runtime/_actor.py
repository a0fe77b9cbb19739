"""The two kinds of actors: one message at a time, or all that have arrived."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from actors.runtime._mail import Letter
from actors.runtime._resident import Resident
from domain.errors import NoAnswer

if TYPE_CHECKING:
    from pykka._envelope import Envelope

M = TypeVar("M")


class Actor(Resident[M]):
    """One message at a time.

    An asked message whose handling raises answers with the exception.  A told message that raises ends the actor.
    """

    @abstractmethod
    async def receive(self, message: M) -> object:
        """Handle one message; what is returned, a value or a promise, answers an ask."""

    async def _attend(self, mail: list[Envelope[Any]]) -> None:
        """Handle the letters in turn; those after a failure are for the successor."""
        for position, envelope in enumerate(mail, start=1):
            letter: Letter[M] = Letter(envelope)
            self._unread = mail[position:]
            await self._survive(self._read(letter), self._unread)
            if self.actor_stopped.is_set():
                return

    async def _read(self, letter: Letter[M]) -> None:
        try:
            letter.answer(await self.receive(letter.message))
        except Exception as error:
            if not letter.is_ask:
                raise
            letter.refuse(error)
        except asyncio.CancelledError:
            letter.refuse(NoAnswer())
            raise


class BatchActor(Resident[M]):
    """An actor that gains from seeing all the mail that has arrived at once."""

    @abstractmethod
    async def receive_all(self, mail: Sequence[Letter[M]]) -> None:
        """Handle a batch, answering every ask in it; what is raised refuses those still unanswered."""

    async def _attend(self, mail: list[Envelope[Any]]) -> None:
        if mail:
            letters: list[Letter[M]] = [Letter(envelope) for envelope in mail]
            await self._survive(self._read_all(letters), [])

    async def _read_all(self, letters: list[Letter[M]]) -> None:
        try:
            await self.receive_all(letters)
        except Exception as error:
            for letter in letters:
                letter.refuse(error)
            raise
        except asyncio.CancelledError:
            for letter in letters:
                letter.refuse(NoAnswer())
            raise
