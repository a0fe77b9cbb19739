"""What most tests begin with."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.e2e.client import Client


async def waiting(user: Client, topic: str) -> str:
    """*user* waits alone: the request's id."""
    request_id: str = (await user.find(topic)).expect(201)["id"]
    return request_id


async def meet(one: Client, other: Client, topic: str) -> str:
    """The two, with open sockets, are matched, *one* being first in the queue: the match's id."""
    await waiting(one, topic)
    await waiting(other, topic)
    found, again = await asyncio.gather(one.frame("match_found"), other.frame("match_found"))
    assert found["match_id"] == again["match_id"]
    match_id: str = found["match_id"]
    return match_id


async def enter(one: Client, other: Client, topic: str) -> dict[str, Any]:
    """The two, with open sockets, are in a session: ``match_ready`` as *one* gets it."""
    match_id = await meet(one, other, topic)
    (await one.confirm(match_id)).expect(200)
    (await other.confirm(match_id)).expect(200)
    await other.frame("match_ready")
    return await one.frame("match_ready")
