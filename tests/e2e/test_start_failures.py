"""A start that cannot succeed is one sentence and an exit code."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from service.embedded.databases import with_database
from tests.e2e.conftest import Cluster
from tests.e2e.replica import Replica


async def refused(cluster: Cluster, logs: Path, **settings: str) -> tuple[int, str]:
    """The exit code, and what was said about why."""
    replica = Replica(logs, **(cluster.environment | settings))
    try:
        await replica.launch()
        code = await replica.ended()
    finally:
        await replica.close()
    said = [line for line in replica.log.read_text().splitlines() if not line.startswith("{")]
    assert "Traceback" not in replica.log.read_text()
    return code, "\n".join(said)


async def test_postgres_that_does_not_answer(cluster: Cluster, logs: Path) -> None:
    code, said = await refused(cluster, logs, DATABASE_URL="postgresql://u:geheim@127.0.0.1:1/d")
    assert code == 1
    assert said.startswith("PostgreSQL does not answer at DATABASE_URL")
    assert said.count("\n") == 0
    assert "geheim" not in said


async def test_a_database_without_tables(cluster: Cluster, logs: Path, postgres_url: str) -> None:
    code, said = await refused(cluster, logs, DATABASE_URL=with_database(postgres_url, "postgres"))
    assert code == 1
    assert said == "The database lacks tables: run `./run migrate` (or `alembic upgrade head`) first."


async def test_a_database_that_does_not_exist(cluster: Cluster, logs: Path, postgres_url: str) -> None:
    code, said = await refused(cluster, logs, DATABASE_URL=with_database(postgres_url, "nowhere"))
    assert code == 1
    assert said == 'PostgreSQL does not answer at DATABASE_URL: database "nowhere" does not exist.'


async def test_a_port_in_use(cluster: Cluster, logs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        code, said = await refused(cluster, logs, PORT=port)
    assert code == 1
    assert said.startswith(f"Port {port} cannot be listened on at 127.0.0.1:")
    assert said.count("\n") == 0


async def test_bad_settings_are_all_named(cluster: Cluster, logs: Path) -> None:
    bad = {"MATCHING_TIMEOUT_SECONDS": "soon", "AUTH_ACCESS_SECRET": "short", "REDIS_URL": "http://nowhere"}
    code, said = await refused(cluster, logs, **bad)
    assert code == 2
    assert [name in said for name in bad] == [True] * 3
    assert "short" not in said.replace("32 bytes", "")


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL", "QUESTION_SERVICE_URL"])
async def test_what_is_needed_and_not_set(cluster: Cluster, logs: Path, missing: str) -> None:
    code, said = await refused(cluster, logs, **{missing: ""})
    assert code == 2
    assert f"\n  {missing} " in said


async def test_redis_that_does_not_answer_keeps_nobody_from_starting(cluster: Cluster, logs: Path) -> None:
    replica = Replica(logs, **(cluster.environment | {"REDIS_URL": "redis://127.0.0.1:1/0"}))
    try:
        await replica.start()
        _, ready = await replica.readiness()
        assert (ready["status"], ready["dependencies"]["redis"]) == ("degraded", "away")
    finally:
        await replica.close()
