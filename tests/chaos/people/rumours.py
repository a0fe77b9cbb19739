"""Ids of others, as strangers get to know them."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Final

MEMORY: Final = 60
"""Of each kind, the latest: what they name is often still alive."""

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Rumour:
    """An id, and all whose it is."""

    id: str
    users: frozenset[str]


class Rumours:
    """By the id's name in the contract."""

    def __init__(self) -> None:
        self._heard: dict[str, deque[Rumour]] = {
            kind: deque(maxlen=MEMORY) for kind in ("request_id", "match_id", "session_id")
        }

    def spread(self, kind: str, value: str, *users: str) -> None:
        """This id belongs to these users, and to nobody else."""
        self._heard[kind].append(Rumour(value, frozenset(users)))

    def pick(self, kind: str, stranger: str, chance: random.Random) -> str | None:
        """An id that is none of *stranger*'s, if one was heard of."""
        for _ in range(_TRIES if self._heard[kind] else 0):
            rumour = chance.choice(self._heard[kind])
            if stranger not in rumour.users:
                return rumour.id
        return None
