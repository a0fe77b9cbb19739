import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis.asyncio

from service.embedded import Servers, start_servers, temporary_servers
from service.embedded.datadir import DataDir
from service.embedded.servers import PROJECT
from service.errors import StartFailed


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory that everybody can walk to: as root, PostgreSQL runs as nobody."""
    place = Path(tempfile.mkdtemp(prefix="peerprep-"))
    place.chmod(0o711)
    yield place / "data"
    DataDir(place / "data").erase()
    place.rmdir()


def until(has_happened: Callable[[], bool], *, seconds: float) -> float:
    """How long it took to happen."""
    began = time.monotonic()
    while not has_happened():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.01)  # another process's doing: there is nothing to await
    return time.monotonic() - began


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().split()[2] != "Z"
    return False


async def count_visits(servers: Servers) -> tuple[int, int]:
    assert servers.urls.database_url
    assert servers.urls.redis_url
    connection = await asyncpg.connect(servers.urls.database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS visits (at timestamptz DEFAULT now())")
        await connection.execute("INSERT INTO visits DEFAULT VALUES")
        rows = int(await connection.fetchval("SELECT count(*) FROM visits"))
    finally:
        await connection.close()
    async with redis.asyncio.Redis.from_url(servers.urls.redis_url) as client:
        return rows, int(await client.incr("visits"))


async def test_data_and_addresses_survive_a_restart(folder: Path) -> None:
    with start_servers(folder, rabbitmq=False) as first:
        assert await count_visits(first) == (1, 1)
    with start_servers(folder, rabbitmq=False) as second:
        assert await count_visits(second) == (2, 2)
        assert second.urls == first.urls


def test_only_loopback_is_listened_on_and_only_what_was_asked_for_is_started(folder: Path) -> None:
    with start_servers(folder, postgres=False, rabbitmq=False) as servers:
        assert servers.urls.database_url is None
        assert servers.urls.rabbitmq_url is None
        assert urlsplit(str(servers.urls.redis_url)).hostname == "127.0.0.1"


def test_where_every_server_is_given_nothing_is_started(folder: Path) -> None:
    with start_servers(folder, postgres=False, redis=False, rabbitmq=False) as running:
        assert (running.urls.database_url, running.urls.redis_url, running.urls.rabbitmq_url) == (None, None, None)


def test_the_addresses_are_in_a_file_while_the_servers_run_that_only_the_owner_reads(folder: Path) -> None:
    with start_servers(folder, rabbitmq=False) as servers:
        assert servers.data.running_urls()["DATABASE_URL"] == servers.urls.database_url
        assert servers.data.urls_file.stat().st_mode & 0o077 == 0
    assert servers.data.running_urls() == {}


def test_a_second_run_on_the_same_data_directory_is_told_who_has_it(folder: Path) -> None:
    with (
        start_servers(folder, postgres=False, rabbitmq=False),
        pytest.raises(StartFailed, match=rf"in use by another run \(process {os.getpid()}\).*--data-dir"),
    ):
        start_servers(folder, postgres=False, rabbitmq=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_somebody_elses_data_directory_is_not_touched(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 65_534, 65_534)
    with pytest.raises(StartFailed, match=r"belongs to nobody.*--data-dir"):
        start_servers(folder)
    assert list(folder.iterdir()) == []


def test_a_recorded_port_that_somebody_took_is_replaced(folder: Path) -> None:
    with start_servers(folder, postgres=False, rabbitmq=False) as before:
        taken = urlsplit(str(before.urls.redis_url)).port
    with (
        socket.create_server(("127.0.0.1", taken or 0)),
        start_servers(folder, postgres=False, rabbitmq=False) as after,
    ):
        assert urlsplit(str(after.urls.redis_url)).port != taken


def test_a_server_that_cannot_start_is_named_with_its_last_words(folder: Path) -> None:
    with start_servers(folder, redis=False, rabbitmq=False):
        pass
    configuration = folder.resolve() / "postgres" / "cluster" / "postgresql.conf"
    configuration.write_text("nonsense = 1\n")
    with pytest.raises(StartFailed, match=r"postgres did not start.*nonsense|configuration file.*postgres\.log"):
        start_servers(folder, redis=False, rabbitmq=False)


PARENT = """
import sys
from pathlib import Path
from service.embedded import start_servers
servers = start_servers(Path(sys.argv[1]), rabbitmq=False)
print(servers.pid("postgres"), servers.pid("redis"), servers._supervisor.pid, flush=True)
sys.stdin.read()  # until it is ended
"""


@pytest.mark.parametrize("victim", ["parent", "supervisor"])
async def test_no_server_outlives_its_parent_by_more_than_a_second_and_nothing_is_lost(
    folder: Path, victim: str
) -> None:
    with start_servers(folder, rabbitmq=False) as servers:
        assert await count_visits(servers) == (1, 1)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        *children, supervisor = (int(word) for word in parent.stdout.readline().split())
        os.kill(parent.pid if victim == "parent" else supervisor, signal.SIGKILL)
        until(lambda: not any(is_alive(pid) for pid in children), seconds=1)
        parent.kill()
    with start_servers(folder, rabbitmq=False) as servers:
        assert await count_visits(servers) == (2, 2)


async def test_one_server_can_be_killed_and_started_again() -> None:
    heard: list[str] = []
    with temporary_servers(postgres=False) as servers:
        servers._on_event = heard.append
        first = servers.pid("redis")
        servers.kill_server("redis")
        assert not is_alive(first)
        servers.start_server("redis")
        assert servers.pid("redis") != first
    assert heard == ["redis has ended", "redis is ready"]


def test_temporary_servers_leave_nothing_behind() -> None:
    with temporary_servers() as servers:
        place = servers.data.path
        pids = [servers.pid("postgres"), servers.pid("redis")]
        assert place.exists()
    assert not place.exists()
    assert not servers.data.outside.exists()
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.rabbitmq
def test_the_private_broker_answers_to_its_own_command_line(broker: Servers) -> None:
    assert "matching@localhost" in broker.rabbitmqctl("eval", "node().")
