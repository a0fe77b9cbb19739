"""Where a task stands: what it waits for, and through which calls it came there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any


@dataclass(frozen=True, slots=True)
class Standstill:
    """One wait of one task: equal to what is found later only while it is the same wait."""

    awaited: object
    where: tuple[str, ...] = field(compare=False)
    """The calls, the outermost first; names and lines only, never values."""


def standstill_of(task: asyncio.Task[Any]) -> Standstill:
    """What *task* waits for now."""
    *calls, awaited = _chain(task.get_coro())
    return Standstill(_Same(awaited), tuple(_place(call) for call in calls))


class _Same:
    """Equal to whatever holds the very same object; keeps it alive, so that no other takes its place."""

    __slots__ = ("_it",)

    def __init__(self, it: object) -> None:
        self._it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._it is other._it

    def __hash__(self) -> int:
        return id(self._it)


def _chain(first: object) -> Iterator[object]:
    """*first*, what it awaits, what that awaits ..."""
    one: object | None = first
    while one is not None:
        yield one
        one = getattr(one, "cr_await", None) or getattr(one, "gi_yieldfrom", None) or getattr(one, "ag_await", None)


def _place(call: object) -> str:
    frame: FrameType | None = getattr(call, "cr_frame", None) or getattr(call, "gi_frame", None)
    return f"{frame.f_code.co_qualname}:{frame.f_lineno}" if frame is not None else type(call).__name__
