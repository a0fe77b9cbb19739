"""The pulse of the event loop: how late it is, and where it hangs when it stands still."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import structlog

from service.metrics import Metrics

log = structlog.get_logger()

BEAT_SECONDS: Final = 0.1
FADING: Final = 0.7
"""What a beat leaves of the lag before: a second later it is forgotten."""

LOOK_SECONDS: Final = 0.25
BLOCKED_SECONDS: Final = 1.0
"""After so long without a beat the event loop is blocked."""

MOST_FRAMES: Final = 20

Clock = Callable[[], float]


class Pulse:
    """Beats ten times a second while the event loop turns."""

    def __init__(self, metrics: Metrics, *, every: float = BEAT_SECONDS, clock: Clock = time.monotonic) -> None:
        self.last_beat = clock()
        self.lag = 0.0
        """How late the loop was lately, in seconds."""
        self._metrics = metrics
        self._every = every
        self._clock = clock

    async def beat(self) -> None:
        """Measure for ever how late the loop is."""
        while True:
            self.last_beat = self._clock()
            await asyncio.sleep(self._every)
            late = max(0.0, self._clock() - self.last_beat - self._every)
            self.lag = max(late, self.lag * FADING)
            self._metrics.lagged(late)


class BlockWatch:
    """Looks at the pulse from a thread of its own, and says where the loop's thread is when there is none."""

    def __init__(self, pulse: Pulse, metrics: Metrics, *, clock: Clock = time.monotonic) -> None:
        self._pulse = pulse
        self._metrics = metrics
        self._clock = clock
        self._loop_thread = threading.get_ident()
        self._looked = self._awake_since = clock()
        self._told: float | None = None

    def look(self) -> None:
        """Log and count a loop that is blocked, once for each time that it is.

        A look that comes late itself means that the whole process was stopped: then nothing hangs.
        """
        now, before = self._clock(), self._looked
        self._looked = now
        if now - before > BLOCKED_SECONDS:
            self._awake_since = now
        beat = self._pulse.last_beat
        if now - max(beat, self._awake_since) < BLOCKED_SECONDS or beat == self._told:
            return
        self._told = beat
        self._metrics.loop_blocked()
        log.warning(
            "the event loop is blocked",
            action="loop_blocked",
            seconds=round(now - beat, 3),
            where=list(_places(sys._current_frames().get(self._loop_thread))),  # noqa: SLF001 - documented all the same
        )


def _places(frame: FrameType | None) -> Iterator[str]:
    """The calls that led to *frame*, the innermost first; no values, which may be secret."""
    for _ in range(MOST_FRAMES):
        if frame is None:
            return
        yield f"{frame.f_code.co_qualname}:{frame.f_lineno}"
        frame = frame.f_back


@contextmanager
def watched(metrics: Metrics) -> Iterator[Pulse]:
    """The pulse of the running loop, beating and looked at until the end.  To be entered by the loop's thread."""
    pulse = Pulse(metrics)
    beating = asyncio.get_running_loop().create_task(pulse.beat(), name="pulse")
    watch, ended = BlockWatch(pulse, metrics), threading.Event()

    def keep_looking() -> None:
        while not ended.wait(LOOK_SECONDS):
            watch.look()

    thread = threading.Thread(target=keep_looking, name="block watch", daemon=True)
    thread.start()
    try:
        yield pulse
    finally:
        ended.set()
        thread.join()
        beating.cancel()
