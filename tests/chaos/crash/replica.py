"""The service, made to end at a step: ``CRASH_AT=after_pair python -m tests.chaos.crash.replica``.

Without ``CRASH_AT`` it is what ``python -m service serve`` starts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from service import bootstrap
from service.settings import load_settings
from tests.chaos.crash.steps import STEPS, Step

CRASHED: Final = 137
"""The exit code, as of a process that was killed with -9 in a container."""

VARIABLE: Final = "CRASH_AT"


def serve(announce: Callable[[str], None] | None = None) -> int:
    """Serve until stopped, or until the step of ``CRASH_AT`` has been taken; the exit code."""
    name = os.environ.get(VARIABLE)
    if name:
        arm(STEPS[name])
    return bootstrap.run(load_settings(), announce=announce)


def arm(step: Step) -> None:
    """From now on this process ends at *step*."""
    original = getattr(step.owner, step.method)
    numbers = count(1)

    def is_it(arguments: tuple[Any, ...], outcome: Any) -> bool:
        return step.when(arguments, outcome) and next(numbers) == step.nth

    async def call(adapter: object, *arguments: Any, **options: Any) -> Any:
        if step.before and is_it(arguments, None):
            os._exit(CRASHED)
        outcome = await original(adapter, *arguments, **options)
        if not step.before and is_it(arguments, outcome):
            os._exit(CRASHED)
        return outcome

    setattr(step.owner, step.method, call)


if __name__ == "__main__":
    sys.exit(serve())
