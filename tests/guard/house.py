"""One replica, every line of which is counted, and the people who use it."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from sys import executable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.e2e.client import Client, Crowd
from tests.e2e.consumer import consuming
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica
from tests.e2e.waiting import until
from tests.guard.dialects import Anything, Commands, Frames, Statements
from tests.guard.line import Line

TOPIC = "Array"
PAIRS = 50

QUIET = {
    "SWEEP_SECONDS": "3600",
    "BUCKET_IDLE_SECONDS": "3600",
    "MATCHING_TIMEOUT_SECONDS": "3600",
    "CONFIRM_MATCH_TIMEOUT_SECONDS": "3600",
    "LOG_LEVEL": "INFO",
}
"""Nothing happens that no match asks for."""

_OPEN_ENDS = """
SELECT (SELECT count(*) FROM matches WHERE untold OR status <> 'ready')
     + (SELECT count(*) FROM outbox WHERE published_at IS NULL)
"""


class CountedReplica(Replica):
    """A replica that says how much it has done."""

    def command(self) -> tuple[str, ...]:
        return executable, "-m", "tests.guard.counted", "serve"

    async def counts(self) -> Mapping[str, int]:
        """Tasks and calls so far."""
        before = len(self._counted())
        self.send(signal.SIGUSR1)
        await until(lambda: len(self._counted()) > before)
        return self._counted()[-1]

    def _counted(self) -> list[dict[str, Any]]:
        return [line for line in self.said() if line.get("action") == "counted"]

    def log_lines(self) -> int:
        """How many the service wrote."""
        return sum(line.get("action") != "counted" for line in self.said())


@dataclass(frozen=True, slots=True)
class House:
    """What is counted, and where."""

    replica: CountedReplica
    lines: Mapping[str, Line]
    crowd: Crowd
    sql: asyncpg.Connection
    _frames: Counter[str] = field(default_factory=Counter)

    async def figures(self) -> dict[str, int]:
        """Everything that was counted so far."""
        counts = {name: replace(line.counts) for name, line in self.lines.items()}
        own = await self.replica.counts()
        return {
            "postgresql statements": counts["postgres"].messages,
            "postgresql round trips": counts["postgres"].trips,
            "postgresql bytes": counts["postgres"].octets,
            "redis commands": counts["redis"].messages,
            "redis round trips": counts["redis"].trips,
            "redis bytes": counts["redis"].octets,
            "rabbitmq frames": counts["rabbitmq"].messages,
            "rabbitmq bytes": counts["rabbitmq"].octets,
            "websocket frames": self._frames["websocket frames"],
            "http and websocket bytes": counts["http"].octets,
            "log lines": self.replica.log_lines(),
            "tasks": own["tasks"],
            "calls": own["calls"],
        }

    async def lone_pair(self) -> None:
        """Two people who do one thing after the other, alone."""
        async with self._people(2) as (alice, bob):
            (await alice.find(TOPIC)).expect(201)
            match_id = await _meet(bob)
            await alice.frame("match_found")
            (await alice.confirm(match_id)).expect(200)
            await bob.frame("partner_confirmed")
            (await bob.confirm(match_id)).expect(200)

    async def crowd_of_pairs(self) -> None:
        """Fifty pairs who come, meet and confirm at the same time."""
        async with self._people(2 * PAIRS) as users:
            found = await asyncio.gather(*map(_meet, users))
            await asyncio.gather(*(user.confirm(match_id) for user, match_id in zip(users, found, strict=True)))

    @asynccontextmanager
    async def _people(self, number: int) -> AsyncIterator[list[Client]]:
        """So many with an open socket; at the end they are in a session, and everything about it is done."""
        users = [self.crowd.user() for _ in range(number)]
        await asyncio.gather(*map(_connect, users))
        yield users
        await asyncio.gather(*(user.frame("match_ready") for user in users))
        await until(self._is_over)
        self._frames["websocket frames"] += sum(len(tab.frames) for user in users for tab in user.tabs)
        await asyncio.gather(*(user.disconnect() for user in users))
        self.crowd.users.clear()

    async def _is_over(self) -> bool:
        return bool(await self.sql.fetchval(_OPEN_ENDS) == 0)


async def _connect(user: Client) -> None:
    await user.connect()
    await user.frame("state")


async def _meet(user: Client) -> str:
    (await user.find(TOPIC)).expect(201)
    return str((await user.frame("match_found"))["match_id"])


@asynccontextmanager
async def open_house(folder: Path, *, database_url: str, redis_url: str, rabbitmq_url: str) -> AsyncIterator[House]:
    """A replica over these servers, warm."""
    async with AsyncExitStack() as stack:
        urls = {"postgres": database_url, "redis": redis_url, "rabbitmq": rabbitmq_url}
        dialects = {"postgres": Statements, "redis": Commands, "rabbitmq": Frames}
        lines = {name: await _open(url, dialects[name], stack) for name, url in urls.items()}
        await stack.enter_async_context(consuming(rabbitmq_url))
        questions = await stack.enter_async_context(QuestionService())
        replica = CountedReplica(
            folder,
            **QUIET,
            DATABASE_URL=_over(database_url, lines["postgres"]),
            REDIS_URL=_over(redis_url, lines["redis"]),
            RABBITMQ_URL=_over(rabbitmq_url, lines["rabbitmq"]),
            QUESTION_SERVICE_URL=questions.url,
        )
        stack.push_async_callback(replica.close)
        await replica.start()
        lines["http"] = await _open(replica.url, Anything, stack)
        replica.url = f"http://127.0.0.1:{lines['http'].port}"
        crowd = await stack.enter_async_context(Crowd(replica))
        sql = await asyncpg.connect(database_url)
        stack.push_async_callback(sql.close)
        house = House(replica, lines, crowd, sql)
        for _ in range(2):  # until every connection is open and knows every statement
            await house.crowd_of_pairs()
            await house.lone_pair()
        yield house


async def _open(url: str, dialect: Any, stack: AsyncExitStack) -> Line:
    port = urlsplit(url).port
    assert port is not None
    return await stack.enter_async_context(Line(port, dialect).open())


def _over(url: str, line: Line) -> str:
    """The same server, reached over the line."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{place[0]}{place[1]}127.0.0.1:{line.port}"))
