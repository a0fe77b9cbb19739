"""Forked replicas: they start, say why when they do not, and outlive nobody."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from service.errors import StartFailed
from tests.chaos.crash.nursery import Replica, nursery
from tests.e2e.tokens import SECRET

ENVIRONMENT = {
    "ENV": "test",
    "HOST": "127.0.0.1",
    "PORT": "0",
    "AUTH_ACCESS_SECRET": SECRET,
    "QUESTION_SERVICE_URL": "http://127.0.0.1:9",
}


@pytest.mark.chaos
async def test_replicas_serve_until_they_are_killed_or_their_nursery_is_gone(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    where = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    async with aiohttp.ClientSession() as http:
        async with nursery(tmp_path) as running:
            one, other = [await running.start(ENVIRONMENT | where) for _ in range(2)]
            await one.kill()
            assert one.ended.result().code == -9
            async with http.get(f"{other.url}/health/ready") as answer:
                assert answer.status == 200
        assert one.errors() == other.errors() == []
        for replica in (one, other):
            with pytest.raises(aiohttp.ClientConnectionError):
                await http.get(f"{replica.url}/health")


@pytest.mark.chaos
async def test_a_replica_that_does_not_start_says_why(tmp_path: Path) -> None:
    async with nursery(tmp_path) as running:
        with pytest.raises(StartFailed, match="REDIS_URL"):
            await running.start(ENVIRONMENT | {"DATABASE_URL": "postgresql://127.0.0.1:9/x"})


async def test_errors_and_whatever_is_no_log_line_are_found_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "replica.log"
    lines = [
        json.dumps({"level": level, "event": level}) for level in ("debug", "info", "warning", "error", "critical")
    ]
    log.write_text("\n".join([*lines, "Traceback", "[]", "{}"]))
    async with nursery(tmp_path) as running:
        assert Replica(running, 1, log).errors() == [*lines[3:], "Traceback", "[]", "{}"]
