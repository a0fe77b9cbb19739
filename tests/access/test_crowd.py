"""A thousand people on two replicas, and no frame at a socket of somebody it is not about."""

from __future__ import annotations

import asyncio
import resource
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from service.embedded import Servers
from tests.access.about import CHECKS, Truth, complaints, disagreements
from tests.access.player import Player, Town
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running

PLAYERS = 1_000
MOVES = 6
SECONDS = 12.0
"""How long they play at most, however slow the machine is."""

SETTINGS = {
    "MAX_SOCKETS_PER_ADDRESS": "100000",
    "MATCHING_TIMEOUT_SECONDS": "4",
    "CONFIRM_MATCH_TIMEOUT_SECONDS": "6",
}


@pytest.fixture
def _descriptors_for_everybody() -> Iterator[None]:
    """As many as the machine allows: replicas inherit them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
async def replicas(
    _descriptors_for_everybody: None, servers: Servers, database_url: str, access_logs: Path
) -> AsyncIterator[list[str]]:
    async with QuestionService() as questions:
        where = {"DATABASE_URL": database_url, "REDIS_URL": str(servers.urls.redis_url)}
        settings = {**where, "QUESTION_SERVICE_URL": questions.url, **SETTINGS}
        async with running(Replica(access_logs, **settings), Replica(access_logs, **settings)) as both:
            yield [replica.url for replica in both]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def played(players: list[Player]) -> None:
    """Everybody is connected, most of them once, and then plays."""
    await asyncio.gather(*(player.connect() for player in players), *(player.connect() for player in players[::10]))
    until_when = asyncio.get_running_loop().time() + SECONDS
    await asyncio.gather(*(player.play(MOVES, until_when) for player in players))
    for player in players:
        player.hang_up()


@pytest.mark.timeout(180)  # half a minute on an idle machine, servers included
async def test_no_frame_comes_to_a_socket_of_somebody_it_is_not_about(
    replicas: list[str], database_url: str, http: aiohttp.ClientSession
) -> None:
    seed = secrets.randbits(32)
    topics = [f"Crowd {seed} {number}" for number in range(12)]
    town = Town(replicas, topics, http, asyncio.Semaphore(50))
    players = [Player(number, seed, town) for number in range(PLAYERS)]
    await played(players)
    sql = await asyncpg.connect(database_url)
    truth = await Truth.read(sql)
    await sql.close()
    wrong = [
        f"{player.user_id} got {frame}: {why}"
        for player in players
        for frame in player.frames
        for why in complaints(player.user_id, frame, truth)
    ]
    frames = [frame for player in players for frame in player.frames]
    assert wrong == [], f"seed {seed}"
    assert list(disagreements(frames)) == [], f"seed {seed}"
    assert town.oddities == [], f"seed {seed}"
    assert all(player.frames for player in players)
    kinds = Counter(frame["type"] for frame in frames)
    assert CHECKS.keys() - {"pong", "error"} == kinds.keys(), f"seed {seed}: {kinds}"
    assert len(truth.by_session) > PLAYERS / 20, f"seed {seed}"
