"""How much of a core this process uses."""

from __future__ import annotations

from time import monotonic, process_time


class Busy:
    """A stopwatch that runs from its making."""

    def __init__(self) -> None:
        self._began = monotonic()
        self._used = process_time()

    def share(self) -> float:
        """CPU over time so far: 1.0 is one core."""
        return (process_time() - self._used) / max(monotonic() - self._began, 1e-9)
