"""What a user tries with ids that belong to others: all of it must be answered as if there were no such thing."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.chaos.people.caller import Caller
from tests.chaos.people.rumours import Rumours

TRIED: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "status": ("request_id", {}),
    "cancel": ("request_id", {}),
    "match_status": ("match_id", {}),
    "confirm": ("match_id", {"confirmed": True}),
    "decline": ("match_id", {"confirmed": False}),
    "session": ("session_id", {}),
    "leave": ("session_id", {}),
}
"""By the operation's name, the kind of id, and what else is sent."""


async def pry(names: Sequence[str], caller: Caller, rumours: Rumours, chance: random.Random) -> None:
    """Do this to somebody, as far as anybody was heard of."""
    for name in names:
        kind, more = TRIED[name]
        found = rumours.pick(kind, caller.user_id, chance)
        if found is not None:
            await caller.call(name, **{kind: found}, **more, stranger=True)
