"""The servers that every other test leans on."""

import aio_pika
import asyncpg
import pytest
import redis.asyncio


async def test_each_test_gets_a_database_with_the_newest_schema_in_no_time(
    postgres_url: str, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
        assert await connection.fetchval("SELECT count(*) FROM matches") == 0
    finally:
        await connection.close()


async def test_redis_is_empty_at_the_start(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0


@pytest.mark.rabbitmq
async def test_rabbitmq_is_a_real_one(rabbitmq_url: str) -> None:
    async with await aio_pika.connect(rabbitmq_url) as connection:
        assert not connection.is_closed
