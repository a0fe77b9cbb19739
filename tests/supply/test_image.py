"""The image serves as an ordinary user on a root file system that nobody may write to."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
import yaml

from service.embedded import Servers
from service.embedded.databases import with_database
from tests.e2e.client import Crowd
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import PROJECT, running
from tests.e2e.scenes import enter
from tests.supply.image import Container, Image, Recipe, why_not

RECIPE = Recipe.read(PROJECT / "Dockerfile")
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Not in pytest's folder, which is searched for secrets: the source has samples."""
    with tempfile.TemporaryDirectory(prefix="peerprep-image-") as folder:
        yield Image(Path(folder), RECIPE)


@pytest.fixture
async def empty_database_url(servers: Servers) -> AsyncIterator[str]:
    """A database without a table."""
    server, name = str(servers.urls.database_url), f"image_{os.getpid()}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    yield with_database(server, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def test_compose_runs_it_as_it_is_tried_here() -> None:
    for name in ("matching-service", "migrate"):
        service = COMPOSE[name]
        assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service
    assert int(RECIPE.user) >= 10_000


WRITABLE = """
import json, os, pathlib
def writable(folder):
    try:
        (pathlib.Path(folder) / "x").write_text("x")
    except OSError as error:
        return error.strerror
    return "yes"
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
status = dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "home": os.environ.get("HOME"), "cwd": os.getcwd(),
    "capabilities": [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")],
    "no_new_privileges": status["NoNewPrivs"],
    "writable": {folder: writable(folder) for folder in ("/", "/app", "/app/service", "/usr", "/etc", "/tmp")},
}))
"""


async def test_inside_it_is_an_ordinary_user_who_may_write_to_tmp_alone(image: Image) -> None:
    code, said = await image.run("python", "-c", WRITABLE)
    assert code == 0, said
    found = json.loads(said)
    writable = found.pop("writable")
    assert writable.pop("/tmp") == "yes"
    assert set(writable.values()) == {"Read-only file system"}, writable
    assert found == {
        "uid": int(RECIPE.user), "gid": int(RECIPE.user), "groups": [], "home": None, "cwd": "/app",
        "capabilities": [0, 0, 0], "no_new_privileges": "1",
    }  # fmt: skip


@pytest.mark.timeout(180)
async def test_it_migrates_serves_a_whole_match_and_calls_itself_healthy(
    image: Image, servers: Servers, empty_database_url: str, tmp_path: Path
) -> None:
    code, said = await image.run(*COMPOSE["migrate"]["command"], DATABASE_URL=empty_database_url)
    assert code == 0, said
    async with QuestionService() as questions:
        container = Container(
            image,
            tmp_path,
            DATABASE_URL=empty_database_url,
            REDIS_URL=str(servers.urls.redis_url),
            QUESTION_SERVICE_URL=questions.url,
            PORT=(port := free_port()),
        )
        async with running(container), Crowd(container) as crowd:
            status = Path(f"/proc/{container.process.pid}/status").read_text()
            assert f"Uid:\t{RECIPE.user}\t{RECIPE.user}\t{RECIPE.user}\t{RECIPE.user}" in status
            alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
            ready = await enter(alice, bob, "In the image")
            assert (await alice.session(ready["session_id"])).expect(200)["users"] == [alice.user_id, bob.user_id]
            code, said = await image.run(*RECIPE.health, PORT=port)
            assert code == 0, said
            assert await container.terminate() == 0
        code, said = await image.run(*RECIPE.health, PORT=port)
        assert code != 0, said
    assert [line for line in container.said() if line["level"] in ("error", "critical")] == []
