"""The index: one sorted set per bucket."""

from __future__ import annotations

from collections.abc import Sequence

from domain.ids import UserId
from domain.request import Bucket, Waiting
from persistence.redis.client import Reach
from persistence.redis.keys import queue_key
from persistence.redis.scripts import Script


class RedisQueue:
    """Sorted sets ``queue:{difficulty}:{topic}``; satisfies ``actors.ports.Queue``.

    A key that holds something else (not ours) is deleted: PostgreSQL knows better, and the janitor
    brings everyone back.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._join = Script(reach.client, "join")
        self._remove = Script(reach.client, "remove")

    async def join(self, bucket: Bucket, people: Sequence[Waiting], peek: int) -> Sequence[Waiting]:
        """Take *people* in and return the *peek* oldest."""
        key = queue_key(bucket)
        arguments = [str(peek), *_arguments(people)]
        reply = await self._reach.run_at(key, lambda: self._join(key, arguments))
        head = list(zip(reply[::2], reply[1::2], strict=True))
        if rubbish := [member for member, _ in head if not _is_text(member)]:
            await self._reach.run_at(key, lambda: self._reach.client.zrem(key, *rubbish))
        return [Waiting(UserId(member), float(score)) for member, score in head if _is_text(member)]

    async def remove(self, bucket: Bucket, people: Sequence[Waiting], *, at_leisure: bool = False) -> None:
        """Take *people* out, each only if still there since the same moment; *at_leisure* in company."""
        key = queue_key(bucket)
        remove = self._remove.at_leisure if at_leisure else self._remove
        await self._reach.run_at(key, lambda: remove(key, _arguments(people)))

    async def missing(self, bucket: Bucket, people: Sequence[Waiting]) -> Sequence[Waiting]:
        """Those of *people* who are not in it."""
        key = queue_key(bucket)
        members: list[str] = [one.user_id for one in people]
        scores: Sequence[float | None] = await self._reach.run_at(key, lambda: self._reach.client.zmscore(key, members))
        return [one for one, score in zip(people, scores, strict=True) if score is None]


def _is_text(member: str) -> bool:
    """Whether PostgreSQL could know a user of this name: no NUL, nothing that was no UTF-8."""
    return member.isprintable() or not any(one == "\0" or "\udc80" <= one <= "\udcff" for one in member)


def _arguments(people: Sequence[Waiting]) -> list[str]:
    return [argument for one in people for argument in (repr(one.since), one.user_id)]
