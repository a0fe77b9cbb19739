"""PostgreSQL and Redis, opened, with every adapter over them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from domain.errors import StoreUnavailable
from messaging.events import encode
from persistence.postgres.database import Database
from persistence.postgres.matches import PostgresMatches
from persistence.postgres.openings import PostgresOpenings
from persistence.postgres.outbox import PostgresOutbox
from persistence.postgres.proposals import PostgresProposals
from persistence.postgres.recovery import PostgresRecovery
from persistence.postgres.requests import PostgresRequests
from persistence.postgres.views import PostgresViews
from persistence.reads import StoredReads
from persistence.redis.client import Reach, connect
from persistence.redis.queue import RedisQueue
from persistence.redis.sessions import RedisSessions
from service.errors import StartFailed
from service.logs import hidden_text
from service.metrics import Metrics
from service.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What survives the process."""

    database: Database
    redis: Reach
    requests: PostgresRequests
    proposals: PostgresProposals
    matches: PostgresMatches
    openings: PostgresOpenings
    outbox: PostgresOutbox
    recovery: PostgresRecovery
    queue: RedisQueue
    sessions: RedisSessions
    reads: StoredReads


async def open_stores(
    settings: Settings, metrics: Metrics, stack: AsyncExitStack, *, own_lag: Callable[[], float] = lambda: 0.0
) -> Stores:
    """Connect to PostgreSQL, and to Redis when it is first needed; *own_lag* says how late this process is.

    Raises :class:`~service.errors.StartFailed` when PostgreSQL is away or not migrated: without it nothing
    can be promised.  Redis may be away.
    """
    database = Database(settings.database_dsn, size=settings.postgres_pool_size, failed=metrics.dependency_failed)
    await _open(database, stack)
    client = connect(settings.redis_url)
    stack.push_async_callback(client.aclose)
    redis = Reach(client, failed=metrics.dependency_failed, own_lag=own_lag)
    search_seconds = settings.matching_timeout_seconds
    requests = PostgresRequests(database, search_seconds=search_seconds)
    sessions = RedisSessions(redis, seconds=settings.session_ttl_seconds, legacy_key=settings.legacy_session_key)
    views = PostgresViews(database, session_seconds=settings.session_ttl_seconds)
    return Stores(
        database=database,
        redis=redis,
        requests=requests,
        proposals=PostgresProposals(database, confirm_seconds=settings.confirm_match_timeout_seconds),
        matches=PostgresMatches(database, search_seconds=search_seconds),
        openings=PostgresOpenings(database, encode=encode),
        outbox=PostgresOutbox(database),
        recovery=PostgresRecovery(
            database,
            search_seconds=search_seconds,
            retention_days=settings.retention_days,
            sweep_seconds=settings.sweep_seconds,
            grace_seconds=settings.outage_grace_seconds,
        ),
        queue=RedisQueue(redis),
        sessions=sessions,
        reads=StoredReads(requests=requests, views=views, sessions=sessions),
    )


async def _open(database: Database, stack: AsyncExitStack) -> None:
    try:
        await database.open()
    except StoreUnavailable as error:
        raise StartFailed(f"PostgreSQL does not answer at DATABASE_URL: {hidden_text(str(error.args[1]))}.") from error
    stack.push_async_callback(database.close)
    [row] = await database.fetch("SELECT to_regclass('heartbeat') IS NOT NULL AS migrated")
    if not row["migrated"]:
        raise StartFailed("The database lacks tables: run `./run migrate` (or `alembic upgrade head`) first.")
