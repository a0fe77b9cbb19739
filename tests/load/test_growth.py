"""Growth, in small, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import asyncpg
import pytest
from rich.console import Console

from service.embedded import Servers, Urls
from tests.load.growth import program
from tests.load.growth.plans import full_reads, name_of, paths
from tests.load.growth.program import Grows, GrowthPlan
from tests.load.growth.subject import Subject
from tests.load.house import Stage


@pytest.mark.e2e
async def test_everything_that_can_grow_is_measured_at_every_size(
    servers: Servers, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    pids = {name: servers.pid(name) for name in ("postgres", "redis")}
    stage = Stage(Urls(database_url=database_url, redis_url=redis_url), pids, tmp_path)
    plan = GrowthPlan(
        waiting=(10, 700), busy=(1, 4), idle=(3, 8), sockets=(5, 12), history=(0, 100),
        users=32, rate=1000, socket_rate=200, socket_seconds=0.1, settle=0.0,
    )  # fmt: skip
    report = await program.measure(plan, Console(quiet=True), stage)
    assert report.errors == {}
    assert report.is_clean
    assert json.loads(json.dumps(report.as_json()))["factors"].keys() == {one.name for one in report.subjects}
    sizes = {subject.name: [size for size, _ in subject.points] for subject in report.subjects}
    assert sizes == {
        "Memory of one in this process, KiB, by idle buckets": [3, 8],
        "Come in a second, by idle buckets": [3, 8],
        "Memory of one more socket in the service, KiB, by sockets": [5, 12],
        "CPU per match, ms, by busy buckets": [1, 4],
        "CPU per match, ms, by waiting users": [10, 700],
        "Memory of a waiting user in the stores, KiB, by waiting users": [10, 700],
        "CPU per handshake, ms, by sockets": [5, 12],
        "CPU of an idle socket in a second, µs, by sockets": [5, 12],
        "CPU per match, ms, by ended requests": [0, 100],
        "Plans on cold statistics, by ended requests": [0, 100],
    }
    assert "match_requests_live" in " ".join(report.paths.values())
    plans = report.subjects[-1].points
    assert all(figures["statements"] >= 8 for _, figures in plans)
    ended = {"match_requests": "status = 'confirmed'", "matches": "status = 'closed'", "outbox": "body = '{}'"}
    connection = await asyncpg.connect(database_url)
    counts = [await connection.fetchval(f"SELECT count(*) FROM {table} WHERE {of}") for table, of in ended.items()]
    await connection.close()
    assert counts == [100, 50, 50]


def test_the_costs_of_the_last_size_are_compared_with_those_of_the_first() -> None:
    subject = Subject(
        title="T", grows="things", points=[(1, {"a": 2.0, "b": 0.0}), (10, {"a": 3.0, "b": 1.0, "c": 1.0})]
    )
    assert subject.factors == {"a": 1.5}
    assert subject.table().rows == [
        ("1", "2", "0", ""),
        ("10", "3", "1", "1"),
        ("last / first", "x 1.5", "", ""),
    ]
    assert subject.picture().count("<circle") == 5


def test_a_plan_that_reads_a_whole_table_is_found_however_deep() -> None:
    scan = {"Node Type": "Seq Scan", "Relation Name": "matches"}
    tiny = {"Node Type": "Seq Scan", "Relation Name": "heartbeat"}
    plan = {"Node Type": "Sort", "Plans": [{"Node Type": "Nested Loop", "Plans": [tiny, scan]}]}
    assert list(full_reads(plan)) == ["matches"]
    by_index = {"Node Type": "Bitmap Index Scan", "Index Name": "matches_changed"}
    assert list(paths({"Node Type": "Sort", "Plans": [by_index, scan]})) == ["matches_changed", "ALL OF matches"]
    assert list(full_reads(by_index)) == []


def test_statements_are_told_apart_by_what_follows_their_columns() -> None:
    assert name_of("\nSELECT id,\n  user_id FROM matches\nWHERE untold") == "SELECT ... FROM matches WHERE untold"
    assert name_of("SELECT extract(epoch FROM now()) FROM outbox WHERE x") == "SELECT ... FROM outbox WHERE x"
    assert name_of("INSERT INTO matches SELECT 1 FROM x") == "INSERT INTO matches SELECT 1 FROM x"


def test_full_goes_further_and_only_chooses() -> None:
    usual, full = GrowthPlan.of([], full=False, fsync=True), GrowthPlan.of([Grows.HISTORY], full=True, fsync=False)
    assert (usual.only, full.only) == (tuple(Grows), [Grows.HISTORY])
    assert (max(usual.history), max(full.history), max(full.sockets)) == (1_000_000, 5_000_000, 50_000)
