"""Running statements: the pool, its timeouts, and what counts as PostgreSQL being away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from domain.errors import StoreUnavailable
from persistence.seldom import Seldom

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    _Held = PoolConnectionProxy[asyncpg.Record]

log = structlog.get_logger()

CONNECT_SECONDS = 3.0

ACQUIRE_SECONDS = 1.0
"""How long a statement waits for a free connection."""

MOST_WAITING = 2000
"""Statements that wait for one: whoever comes then is told at once what the others are told a second later."""

COMMAND_SECONDS = 5.0
"""How long a statement may take before its connection is given up."""

TRIES = 3
"""Every statement here may be repeated: an unknown outcome is resolved by running it again."""

_SERVER_SETTINGS = {
    "application_name": "matching-service",
    "statement_timeout": "4000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "5000",
    "jit": "off",
    # Every statement here finds its rows by an index.  Statistics of a young table say otherwise, and planning
    # anew for every call costs more than the plan saves: together 24 % of PostgreSQL's time per match.
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "timezone": "UTC",
}

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, terminated, cancelled by timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.ReadOnlySQLTransactionError,  # a standby, or a primary about to become one
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidSQLStatementNameError,  # a pooler between us and the server
    asyncpg.PostgresSystemError,
    asyncpg.InternalServerError,
    asyncpg.InternalClientError,
)


class _Connection(asyncpg.Connection):
    """A connection that is not reset between statements: none leaves a transaction or a setting behind."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A pool of connections.  Raises :class:`~domain.errors.StoreUnavailable` when PostgreSQL is away."""

    def __init__(self, dsn: str, *, size: int, failed: Callable[[str], None]) -> None:
        self._dsn = dsn
        self._size = size
        self._failed = failed
        self._may_say = Seldom()
        self._waiting = 0
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._places = asyncio.Semaphore(size)
        self._idle: list[_Held] = []

    async def open(self) -> None:
        """Connect once, so that a wrong address shows at the start."""
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=0,  # we keep connections at hand ourselves
                max_size=self._size,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                max_inactive_connection_lifetime=60.0,
                connection_class=_Connection,
                server_settings=_SERVER_SETTINGS,
            )
            self._idle.append(await self._pool.acquire(timeout=CONNECT_SECONDS))
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise StoreUnavailable("postgres", str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close every connection, giving running statements a moment."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(2.0):
                while self._idle:
                    await self._pool.release(self._idle.pop())
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of one statement that may be repeated."""
        for attempt in range(1, TRIES + 1):
            try:
                return await self._fetch_once(sql, arguments)
            except _AWAY as error:
                self._failed("postgres")
                if attempt == TRIES or isinstance(error, TimeoutError):
                    if self._may_say():
                        log.warning(
                            "postgres does not answer", action="store_failed", store="postgres", error=repr(error)
                        )
                    raise StoreUnavailable("postgres") from error
                await asyncio.sleep(0.01 * attempt)
        raise StoreUnavailable("postgres")

    async def _fetch_once(self, sql: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        await self._take_place()
        try:
            connection = await self._connection()
            try:
                rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            except BaseException:
                await self._give_up(connection)
                raise
            self._idle.append(connection)
            return rows
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        """Be one of those who may hold a connection; TimeoutError when no place becomes free."""
        if self._places.locked():
            await self._wait_for_place()
        else:
            await self._places.acquire()

    async def _wait_for_place(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise StoreUnavailable("postgres")
        self._waiting += 1
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._places.acquire()
        finally:
            self._waiting -= 1

    async def _connection(self) -> _Held:
        """An idle connection, or a new one: the pool makes and mends them, but asking it costs 35 µs each time."""
        while self._idle:
            connection = self._idle.pop()
            if _is_alive(connection):
                return connection
            await self._give_up(connection)
        if self._pool is None:
            raise StoreUnavailable("postgres")
        try:
            return await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except asyncpg.PostgresError as error:  # whyever it lets nobody in: a restore, a password that changes
            raise asyncpg.CannotConnectNowError(str(error)) from error

    async def _give_up(self, connection: _Held) -> None:
        """Let the pool see to a connection that failed: it waits for what was cancelled, and replaces what is lost."""
        if self._pool is not None:
            await asyncio.shield(self._pool.release(connection))

    async def is_up(self) -> bool:
        """Whether PostgreSQL answers, and takes writes."""
        try:
            rows = await self.fetch(
                "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool"
            )
        except StoreUnavailable:
            return False
        return bool(rows[0][0])


def _is_alive(connection: _Held) -> bool:
    """Whether it is open, as far as this side knows; the pool takes back at once what it sees being lost."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        return False
