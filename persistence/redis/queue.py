"""The index: one sorted set per bucket."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

from domain.ids import UserId
from domain.request import Bucket, Waiting
from persistence.redis.client import Reach
from persistence.redis.keys import queue_key
from persistence.redis.scripts import script


class RedisQueue:
    """Sorted sets ``queue:{difficulty}:{topic}``; satisfies ``actors.ports.Queue``.

    A key that holds something else (not ours) is deleted: PostgreSQL knows better, and the janitor
    brings everyone back.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._join = script(reach.client, "join")
        self._remove = script(reach.client, "remove")

    async def join(self, bucket: Bucket, people: Sequence[Waiting], peek: int) -> Sequence[Waiting]:
        """Take *people* in and return the *peek* oldest."""
        arguments: list[str | int] = [peek]
        for one in people:
            arguments += [repr(one.since), one.user_id]
        return await self._reach.run(lambda: self._joined(queue_key(bucket), arguments))

    async def _joined(self, key: str, arguments: list[str | int]) -> Sequence[Waiting]:
        try:
            reply = await self._join(keys=[key], args=arguments)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._reach.client.delete(key)
            reply = await self._join(keys=[key], args=arguments)
        return [Waiting(UserId(member), float(score)) for member, score in zip(reply[::2], reply[1::2], strict=True)]

    async def remove(self, bucket: Bucket, people: Sequence[Waiting]) -> None:
        """Take *people* out, each only if still there since the same moment."""
        arguments: list[str] = []
        for one in people:
            arguments += [repr(one.since), one.user_id]
        await self._reach.run(lambda: self._removed(queue_key(bucket), arguments))

    async def _removed(self, key: str, arguments: list[str]) -> None:
        try:
            await self._remove(keys=[key], args=arguments)
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._reach.client.delete(key)

    async def missing(self, bucket: Bucket, people: Sequence[Waiting]) -> Sequence[Waiting]:
        """Those of *people* who are not in it."""
        scores = await self._reach.run(lambda: self._scores(bucket, people))
        return [one for one, score in zip(people, scores, strict=True) if score is None]

    async def _scores(self, bucket: Bucket, people: Sequence[Waiting]) -> Sequence[float | None]:
        try:
            reply: Sequence[float | None] = await self._reach.client.zmscore(
                queue_key(bucket), [one.user_id for one in people]
            )
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._reach.client.delete(queue_key(bucket))
            return [None] * len(people)
        return reply
