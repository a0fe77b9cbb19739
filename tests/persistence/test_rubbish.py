"""What others may write into our keys: none of it may reach PostgreSQL, an actor or an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from domain.request import Waiting
from domain.session import Document
from persistence.redis.client import Reach, connect
from persistence.redis.keys import queue_key, session_key
from persistence.redis.queue import RedisQueue
from persistence.redis.sessions import RedisSessions
from tests.builders import ANN, BUCKET, a_session


@pytest.fixture
async def reach(redis_url: str) -> AsyncIterator[Reach]:
    async with connect(redis_url) as client:
        yield Reach(client, failed=lambda _: pytest.fail("Redis was not away"))


@pytest.fixture
async def raw(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.mark.parametrize("member", [b"gh\x00ost", b"\xff\xfe", b"ann\xc3"])
async def test_a_member_that_can_be_no_user_is_taken_out_of_the_queue(reach: Reach, raw: Redis, member: bytes) -> None:
    await raw.zadd(queue_key(BUCKET), {member: 1.0})
    ann = Waiting(ANN, 2.0)
    assert await RedisQueue(reach).join(BUCKET, [ann], 10) == [ann]
    assert await raw.zrange(queue_key(BUCKET), 0, -1) == [ANN.encode()]


async def test_code_that_is_no_text_is_shown_as_far_as_it_is(reach: Reach, raw: Redis) -> None:
    sessions, session = RedisSessions(reach, seconds=60, legacy_key=False), a_session()
    await sessions.create(session)
    await raw.hset(session_key(session.id), "code", b"print(\xff\xfe)")
    assert await sessions.document(session.id) == Document("print(\ufffd\ufffd)", "python")


async def test_a_session_of_which_only_some_is_left_is_mended_around_what_was_typed(reach: Reach, raw: Redis) -> None:
    sessions, session = RedisSessions(reach, seconds=60, legacy_key=False), a_session()
    key = session_key(session.id)
    await raw.hset(key, "code", "typed")
    assert await sessions.document(session.id) is None
    await sessions.create(session)
    assert await sessions.document(session.id) == Document("typed", "python")
    assert {b"question", b"users", b"match_id"} < set(await raw.hkeys(key))
    assert 0 < await raw.ttl(key) <= 60


async def test_a_key_of_another_type_gives_way_to_a_session(reach: Reach, raw: Redis) -> None:
    sessions, session = RedisSessions(reach, seconds=60, legacy_key=False), a_session()
    await raw.set(session_key(session.id), "rubbish")
    await sessions.create(session)
    assert await sessions.document(session.id) == Document("", "python")
