"""The service, which counts what it does: ``python -m tests.guard.counted serve``.

SIGUSR1 has it write the counts so far to its log.  From SIGUSR2 on calls are counted too, which makes it slow.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Coroutine, Generator
from types import FrameType
from typing import Any, Final

from service import bootstrap, cli

INLINED: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
"""Calls that Python 3.12 no longer makes."""

Task = asyncio.Task[Any]
Work = Coroutine[Any, Any, Any] | Generator[Any, None, Any]


class Tally:
    """How many tasks were started and how many Python functions entered, a resumed coroutine being entered again."""

    def __init__(self) -> None:
        self.tasks = 0
        self.calls = 0

    def start(self, loop: asyncio.AbstractEventLoop, work: Work, **options: Any) -> Task:
        """Make a task, as the loop would."""
        self.tasks += 1
        return asyncio.Task(work, loop=loop, **options)

    def enter(self, frame: FrameType, event: str, _: object) -> None:
        """Take note of a call; what is not Python is none."""
        if event == "call" and frame.f_code.co_name not in INLINED:
            self.calls += 1

    def say(self, *_: object) -> None:
        """Write the counts to the log."""
        print(json.dumps({"action": "counted", "tasks": self.tasks, "calls": self.calls}), file=sys.stderr, flush=True)  # noqa: T201  this process's log is read by its parent

    def count_calls(self, *_: object) -> None:
        """Count calls from now on."""
        sys.setprofile(self.enter)


def main() -> None:
    tally = Tally()
    new_loop = bootstrap._new_loop

    def counted_loop() -> asyncio.AbstractEventLoop:
        loop = new_loop()
        loop.set_task_factory(tally.start)
        return loop

    bootstrap._new_loop = counted_loop
    signal.signal(signal.SIGUSR1, tally.say)
    signal.signal(signal.SIGUSR2, tally.count_calls)
    cli.main()


if __name__ == "__main__":
    main()
