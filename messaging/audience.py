"""Somebody to publish to on a private broker, where no neighbour has a queue."""

from __future__ import annotations

from typing import Final

from messaging.link import linked

QUEUE: Final = "matching.events.latest"
MOST: Final = 1_000
"""Events kept for whoever wants to look at them; older ones go."""


async def seat_audience(url: str) -> None:
    """Bind a queue that takes every event, so that what is published is routed.

    Repeatable.  Raises one of :data:`~messaging.link.FAILURES`.
    """
    async with linked(url) as link:
        channel = await link.connection.channel()
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-max-length": MOST})
        await queue.bind(link.exchange, "#")
