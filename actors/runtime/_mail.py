"""Messages that want an answer, letters, and the box they wait in."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from domain.errors import MailboxFull

if TYPE_CHECKING:
    from pykka._envelope import Envelope

M = TypeVar("M")
R = TypeVar("R")


class Ask(Generic[R]):
    """Base of the messages that expect an answer of type R."""

    __slots__ = ()


class Mailbox:
    """Pykka's inbox protocol over a list that the loop takes away whole.

    Asks beyond *limit* are answered with :class:`~domain.errors.MailboxFull`.  Tells are always taken:
    they follow from asks and reminders, which are bounded themselves.
    """

    __slots__ = ("_letters", "_wanted", "limit")

    def __init__(self) -> None:
        self.limit = sys.maxsize
        self._letters: list[Envelope[Any]] = []
        self._wanted: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, envelope: Envelope[Any], /) -> None:
        """Take a letter in, and wake the actor."""
        if envelope.reply_to is not None and len(self._letters) >= self.limit:
            envelope.reply_to.set_exception((MailboxFull, MailboxFull(), None))
            return
        self._letters.append(envelope)
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    def get(self) -> Envelope[Any]:
        """The oldest letter; the mailbox must not be empty."""
        return self._letters.pop(0)

    def empty(self) -> bool:
        """Whether there is no mail."""
        return not self._letters

    def put_back(self, letters: list[Envelope[Any]]) -> None:
        """Take back letters that were collected too early."""
        self._letters[:0] = letters

    def take_all(self) -> list[Envelope[Any]]:
        """All the mail, at once."""
        taken, self._letters = self._letters, []
        return taken

    async def collect(self, most: int) -> list[Envelope[Any]]:
        """Wait for mail, then take all that has arrived, up to *most* letters."""
        while not self._letters:
            self._wanted = asyncio.get_running_loop().create_future()
            await self._wanted
        taken, self._letters = self._letters[:most], self._letters[most:]
        return taken


class Letter(Generic[M]):
    """One message and, when it was asked, the way back."""

    __slots__ = ("_reply_to", "message")

    def __init__(self, envelope: Envelope[Any]) -> None:
        self.message: M = envelope.message
        self._reply_to: Any = envelope.reply_to

    @property
    def is_ask(self) -> bool:
        """Whether somebody waits for an answer."""
        return self._reply_to is not None

    def answer(self, value: object) -> None:
        """Answer an ask with a value or a promise; a tell needs none."""
        if self._reply_to is not None:
            self._reply_to.settle(value)

    def refuse(self, error: BaseException) -> None:
        """Answer an ask with an exception."""
        if self._reply_to is not None:
            self._reply_to.fail(error)
