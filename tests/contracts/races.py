"""Doing much at once, and what must hold afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from domain.ids import MatchId, RequestId
from domain.match import Match, MatchState
from domain.request import MatchRequest, RequestStatus
from tests.contracts.world import World

T = TypeVar("T")

MANY = 1000
HELD_TOGETHER = {RequestStatus.MATCHED, RequestStatus.CONFIRMED}


def chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))


async def at_once(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do them side by side, as many as two replicas have connections, starting in any order."""
    shuffled = list(works)
    random.shuffle(shuffled)
    left = iter(shuffled)

    async def do_some() -> None:
        for work in left:
            await work

    outcomes = await asyncio.gather(*(do_some() for _ in range(10)), return_exceptions=True)
    assert outcomes == [None] * 10


async def consistent(world: World) -> tuple[dict[RequestId, MatchRequest], dict[MatchId, Match]]:
    """Everything there is, after a look at what must hold whatever happened."""
    requests, matches = await world.all_requests(), await world.all_matches()
    live = Counter(request.user_id for request in requests.values() if request.status.is_live)
    assert not [user_id for user_id, number in live.items() if number > 1]
    for request in requests.values():
        if request.status in HELD_TOGETHER:
            assert request.match_id is not None
            assert request.id in {seat.request_id for seat in matches[request.match_id].participants}
    for match in matches.values():
        if match.state in (MatchState.PROPOSED, MatchState.CONFIRMED):
            for seat in match.participants:
                assert requests[seat.request_id].match_id == match.id
    return requests, matches
