"""Commands that cost little: whatever is asked at the same time goes out in one piece, over lines at hand.

Measured with redis-py 8.1 on Python 3.11: a command through its blocking pool takes 60 µs of CPU here, two tasks and
four timers among them; alone over a line at hand it takes half of that, and less in company.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from persistence.coalesce import Coalescer

LANES: Final = 2
"""Lines in use at the same time: a long answer on one of them holds up only what came with it."""

_Command = tuple[Sequence[Any], Mapping[str, Any]]


class Line(AbstractConnection):
    """A connection that is written to at once; whoever waits for the answer bounds the time for both."""

    async def is_fresh(self) -> bool:
        """Whether it is open, as far as this side knows, and has nothing to say that nobody asked for."""
        reader = self._reader
        if reader is None or not self.is_connected or reader.exception() is not None:
            return False
        return not await self.can_read()  # also true at the end

    def pack_command(self, *arguments: Any) -> list[bytes]:
        """A command as Redis reads it."""
        try:
            if " " not in arguments[0]:
                return [pack_command(arguments)]
        except (TypeError, UnicodeEncodeError):  # what others wrote need be no text
            pass
        packed: list[bytes] = super().pack_command(*arguments)
        return packed

    async def send_packed_command(self, command: Any, *arguments: Any, **options: Any) -> None:
        """Connect where necessary, and write.  Raises redis-py's ``ConnectionError``."""
        try:
            if self.is_connected and self._writer is not None:
                self._writer.writelines(command)
            else:
                await super().send_packed_command(command, *arguments, **options)
        except RuntimeError as error:  # uvloop's closed transports refuse to write, naming no connection
            await self.disconnect(nowait=True)
            raise RedisConnectionError(str(error)) from error


class SharedLine(Line):
    """One whose user bounds the time for a whole piece, so that nobody need do so for each answer in it."""

    async def read_response(
        self,
        disable_decoding: bool = False,  # noqa: FBT001, FBT002 - redis-py's signature
        timeout: float | None = None,  # noqa: ASYNC109 - the same
        **options: Any,
    ) -> Any:
        """One answer; without *timeout*, however long it takes.  Raises redis-py's errors."""
        if timeout is not None or options or not self.is_connected:
            seconds = math.inf if timeout is None else timeout
            return await super().read_response(disable_decoding, seconds, **options)
        try:
            answer = await self._parser.read_response(disable_decoding)  # type: ignore[attr-defined]  # all have it
        except BaseException:  # given up, perhaps: the answer may still come, and the next question would get it
            await self.disconnect(nowait=True)
            raise
        if isinstance(answer, ResponseError):
            raise answer
        return answer


class Client(Redis):
    """A client that keeps its lines at hand: the pool makes and mends them, but asking it takes long.

    Nothing is tried twice.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seconds: float = self.connection_pool.timeout  # type: ignore[attr-defined]  # a blocking one
        self._idle: list[Line] = []
        self._together: Coalescer[_Command, Any] = Coalescer(
            self._exchange_in_time, store="redis", lanes=LANES, fails_together=True
        )

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """The answer to one command.  Raises redis-py's errors, and ``StoreUnavailable`` when too many wait."""
        return _unless_refused(await self._together((arguments, options)))

    async def at_leisure(self, *arguments: Any) -> Any:
        """The same for a command that nobody waits for: it goes out with others, or after a moment."""
        return _unless_refused(await self._together.at_leisure((arguments, {})))

    async def _exchange_in_time(self, commands: Sequence[_Command]) -> Sequence[Any]:
        async with asyncio.timeout(self._seconds):
            return await self._exchange(commands)

    async def _exchange(self, commands: Sequence[_Command]) -> Sequence[Any]:
        """All of *commands* in one piece, then all answers; what goes wrong on the way goes wrong for all."""
        line = await self._line()
        try:
            await line.send_packed_command(line.pack_commands([arguments for arguments, _ in commands]))
            answers = [await self._answer(line, arguments[0], options) for arguments, options in commands]
        except BaseException:  # answers may still come, to questions that are not asked any more
            await self._drop(line)
            raise
        self._idle.append(line)
        return answers

    async def _answer(self, line: Line, name: str, options: Mapping[str, Any]) -> Any:
        try:
            return await self.parse_response(line, name, **options)  # type: ignore[arg-type]
        except ResponseError as error:  # the next command's answer follows
            return error

    async def _line(self) -> Line:
        while self._idle:
            line = self._idle.pop()
            try:
                is_fresh = await line.is_fresh()
            except BaseException:
                await self._drop(line)
                raise
            if is_fresh:
                return line
            await self._drop(line)
        return cast("Line", await self.connection_pool.get_connection())  # type: ignore[no-untyped-call]

    async def _drop(self, line: Line) -> None:
        await line.disconnect(nowait=True)
        await self.connection_pool.release(line)


def _unless_refused(answer: Any) -> Any:
    if isinstance(answer, ResponseError):
        raise answer
    return answer
