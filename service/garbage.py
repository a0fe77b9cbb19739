"""How often cyclic garbage is looked for."""

from __future__ import annotations

import gc
from typing import Final

GARBAGE_THRESHOLD: Final = 20_000
"""Objects that may be made before the young ones are looked through; by default 700, less than a match makes."""


def tend_garbage() -> None:
    """Look for cycles seldom, and not among what was made at the start: it took 5 % of the time of a busy process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, *gc.get_threshold()[1:])
