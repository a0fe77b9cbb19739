"""Counting put off until somebody looks, or much waits to be counted."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar, TypeVarTuple

import structlog
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

log = structlog.get_logger()

MOST_ENTRIES: Final = 512
"""Noted before they are counted: at most a millisecond's work, and some 100 KiB."""


class Ledger(Collector):
    """Calls that count something, noted when they come and made together.

    Beside a request such a call finds none of what it needs in the processor's caches, and costs several times what
    it costs among its like.  Registered before what it feeds, it is up to date whenever that is read.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def note(self, count: Callable[..., None], *arguments: Any) -> None:
        """Have *count* called with *arguments* before anybody looks."""
        self._entries.append((count, arguments))
        if len(self._entries) >= MOST_ENTRIES:
            self._settle()

    def collect(self) -> Iterable[Metric]:
        """Nothing of its own: asked for it, it lets the others catch up."""
        self._settle()
        return ()

    def _settle(self) -> None:
        entries, self._entries = self._entries, []
        for count, arguments in entries:
            try:
                count(*arguments)
            except Exception:  # a figure less, but neither a request nor a scrape
                log.exception("not counted", action="not_counted", what=getattr(count, "__name__", ""))


class _Keeps(Protocol):
    ledger: Ledger


K = TypeVar("K", bound=_Keeps)
A = TypeVarTuple("A")


def noted(count: Callable[[K, *A], None]) -> Callable[[K, *A], None]:
    """Let a method of whoever keeps a ledger be called later: by the time somebody looks at the latest."""

    def note(self: K, *arguments: *A) -> None:
        self.ledger.note(count, self, *arguments)

    functools.update_wrapper(note, count)
    return note
