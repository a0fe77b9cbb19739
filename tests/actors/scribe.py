"""An actor that writes down what it reads, for tests of the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from actors.runtime import Actor, Ask, BatchActor, Letter, Promise


@dataclass(frozen=True, slots=True)
class Note:
    text: str


@dataclass(frozen=True, slots=True)
class Echo(Ask[str]):
    text: str


@dataclass(frozen=True, slots=True)
class Slow(Ask[str]):
    """Answered by an errand."""

    text: str


@dataclass(frozen=True, slots=True)
class Chore:
    """Done beside the mailbox; fails with *error* if there is one."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """Told: handling it raises."""

    error: Exception


@dataclass(frozen=True, slots=True)
class AskedToFail(Ask[str]):
    error: Exception


ScribeMessage = Note | Echo | Slow | Chore | Fail | AskedToFail


@dataclass
class Journal:
    """What all incarnations of an actor leave behind."""

    lines: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Errands and chores wait for it, and so does a Note that says ``wait``."""
    at_start: list[Exception] = field(default_factory=list)
    """Raised by the next incarnations when they start, one each."""
    at_stop: Exception | None = None


class Scribe(Actor[ScribeMessage]):
    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal

    async def started(self) -> None:
        self.journal.lines.append("started")
        if self.journal.at_start:
            raise self.journal.at_start.pop(0)

    async def stopped(self) -> None:
        self.journal.lines.append("stopped")
        if self.journal.at_stop is not None:
            raise self.journal.at_stop

    async def receive(self, message: ScribeMessage) -> object:
        return await self._handle(message)

    async def _handle(self, message: ScribeMessage) -> object:
        match message:
            case Note(text):
                if text == "wait":
                    await self.journal.gate.wait()
                self.journal.lines.append(text)
            case Echo(text):
                self.journal.lines.append(text)
                return text
            case Slow(text):
                return self._slowly(text)
            case Chore(error):
                self.chore(self._do(error))
            case Fail(error) | AskedToFail(error):
                raise error
        return None

    def _slowly(self, text: str) -> Promise[str]:
        promise = self.errand(self._think(text))
        self.pipe(promise, lambda done: Note(f"piped {done}"), lambda error: Note(f"broken {error!r}"))
        return promise

    async def _think(self, text: str) -> str:
        await self.journal.gate.wait()
        if text == "impossible":
            raise ValueError(text)
        return text

    async def _do(self, error: Exception | None) -> None:
        await self.journal.gate.wait()
        if error is not None:
            raise error
        self.journal.lines.append("chore done")


class BatchScribe(BatchActor[ScribeMessage]):
    """Reads all that has arrived at once; the batch's length is what it writes down."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.journal = journal

    async def receive_all(self, mail: Sequence[Letter[ScribeMessage]]) -> None:
        self.journal.lines.append(str(len(mail)))
        for letter in mail:
            match letter.message:
                case Fail(error) | AskedToFail(error):
                    raise error
                case Note("wait"):
                    await self.journal.gate.wait()
                case Echo(text):
                    letter.answer(text)
                case Chore(error):
                    self.chore(self._do(error))
                case _:
                    pass

    async def _do(self, error: Exception | None) -> None:
        await self.journal.gate.wait()
        if error is not None:
            raise error
