"""The load programs at their smallest, and the arithmetic of their reports."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from rich.console import Console

from service.embedded import Servers, Urls
from service.errors import StartFailed
from tests.load import buckets, drain, flow, processes, sockets
from tests.load.arrivals import Arrival
from tests.load.house import Stage
from tests.load.numbers import Latency, percentile
from tests.load.processes import Group, Usage
from tests.load.report import Events, Report, show
from tests.load.report.findings import write
from tests.load.shift import STEPS, Shift, Tally
from tests.load.surroundings import PROJECT
from tests.load.user import Times, User


def quiet() -> Console:
    return Console(quiet=True)


def stage_of(servers: Servers, logs: Path, **urls: str) -> Stage:
    return Stage(Urls(**urls), {name: servers.pid(name) for name in ("postgres", "redis")}, logs)


@pytest.mark.e2e
@pytest.mark.rabbitmq
async def test_what_was_left_behind_is_published(
    servers: Servers, database_url: str, redis_url: str, broker: Servers, rabbitmq_url: str, tmp_path: Path
) -> None:
    # In a virtual host of its own: its queue takes every event, which others must find unrouted.
    for order in (("add_vhost", "drained"), ("set_permissions", "-p", "drained", "guest", ".*", ".*", ".*")):
        await asyncio.to_thread(broker.rabbitmqctl, *order)
    urls = {"database_url": database_url, "redis_url": redis_url, "rabbitmq_url": rabbitmq_url + "drained"}
    stage = stage_of(servers, tmp_path, **urls)
    report = await drain.measure(drain.DrainPlan(events=700), quiet(), stage)
    assert report.is_clean, report.errors
    assert report.events == 700
    assert report.per_second > 0
    assert json.loads(json.dumps(report.as_json()))["events_per_second"] == report.per_second


@pytest.mark.rabbitmq
async def test_a_flow_over_two_replicas_is_clean_and_every_match_has_one_event(
    servers: Servers, database_url: str, redis_url: str, rabbitmq_url: str, tmp_path: Path
) -> None:
    stage = stage_of(servers, tmp_path, database_url=database_url, redis_url=redis_url, rabbitmq_url=rabbitmq_url)
    plan = flow.FlowPlan(rate=16, seconds=0.5, replicas=2, workers=2, warm_up=0.125, settle=0.0)
    report = await flow.measure(plan, quiet(), stage)
    assert (report.errors, report.complaints.keys() - {"use_question_bank"}) == ({}, set())
    assert (report.users, report.matches, report.requests) == (16, 8, 32)
    assert report.events == Events(received=10, matches=10, expected=10)
    assert report.is_clean
    counts = {name: latency.count for name, latency in report.latency_ms.items()}
    assert counts == {"connect": 16, "request": 16, "found": 8, "confirm": 16, "ready": 8, "flow": 8}
    assert all(0 < one.p50 <= one.p90 <= one.p99 <= one.max for one in report.latency_ms.values())
    assert report.cost.keys() == {"service", "PostgreSQL", "Redis", "generator", processes.EVERYTHING_ELSE}
    assert report.cost["service"].cpu_seconds > 0
    assert report.seconds >= 7 / 16
    assert sum(report.series.count) == report.matches
    assert report.generator is not None
    assert report.generator.lag_ms.count == report.users
    assert 0 < report.generator.busy < 2


@pytest.mark.e2e
@pytest.mark.parametrize("arrival", Arrival)
async def test_bucket_actors_pair_everyone(
    servers: Servers, database_url: str, redis_url: str, tmp_path: Path, arrival: Arrival
) -> None:
    stage = stage_of(servers, tmp_path, database_url=database_url, redis_url=redis_url)
    plan = buckets.BucketPlan(buckets=3, users=56, warm_up=5, arrival=arrival, rate=300, settle=0.0)
    report = await buckets.measure(plan, quiet(), stage)
    assert (report.errors, report.users, report.matches, report.latency_ms["paired"].count) == ({}, 60, 30, 30)
    assert report.is_clean
    assert report.cost.keys() == {"actors", "PostgreSQL", "Redis", processes.EVERYTHING_ELSE}


async def test_load_goes_to_this_machine_only() -> None:
    with pytest.raises(StartFailed, match="this machine only"):
        await flow.measure(flow.FlowPlan(url="http://192.0.2.1:8002"), quiet())


def test_the_command_line_names_every_program() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.load", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert all(word in told.stdout for word in ("flow", "floor", "buckets", "sockets", "growth"))


def test_a_report_that_cannot_be_kept_is_refused_before_the_run() -> None:
    command = [sys.executable, "-m", "tests.load", "growth", "--report", "/nowhere/at/all.html"]
    told = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (told.returncode, "/nowhere/at" in told.stderr) == (2, True)


def test_a_percentile_is_a_measured_value_and_never_a_better_one() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], share) for share in (0.0, 0.5, 0.51, 0.99, 1.0)] == [1, 2, 3, 4, 4]
    assert Latency.of([0.002, 0.001]) == Latency(2, 1.0, 2.0, 2.0, 2.0)
    assert Latency.of([]) == Latency(0, 0.0, 0.0, 0.0, 0.0)


def test_the_cost_of_a_match_is_what_a_process_and_its_children_used_meanwhile() -> None:
    group = {"me": Group([os.getpid()])}
    before = processes.usage(group)
    subprocess.run([sys.executable, "-c", "for _ in range(3_000_000): pass"], check=True)
    cost = processes.costs(before, processes.usage(group), matches=2)["me"]
    assert cost.cpu_seconds >= 0.02
    assert cost.cpu_ms_per_match == pytest.approx(500 * cost.cpu_seconds, abs=10)
    assert cost.rss_mib > 1


def test_a_process_without_a_match_costs_nothing_per_match() -> None:
    assert processes.costs({"it": Usage(1, 0)}, {"it": Usage(2, 0)}, matches=0)["it"].cpu_ms_per_match == 0


def user(seat: int, **moments: float) -> User:
    times = Times(arrived=10.0 + seat, began=10.0 + seat, **moments)
    http = cast("aiohttp.ClientSession", None)  # this one plays nothing
    return User("", b"", "", http, times, match_id="m", session_id="s", requests=2)


def test_latencies_of_a_match_run_from_the_later_of_two_beginnings_to_the_later_of_two_ends() -> None:
    steps = {"connected": 11.0, "asked": 11.0, "answered": 11.5, "said_yes": 14.0, "noted": 14.5}
    first, second = user(0, **steps, found=13.0, ready=16.0), user(1, **steps | {"asked": 12.0}, found=13.5, ready=15.0)
    tally = Tally.of([first, second], ended=17.0)
    assert (tally.matches, tally.requests, tally.errors) == (1, 4, {})
    assert {step: tally.seconds[step] for step in ("found", "ready", "flow")} == {
        "found": [1.5], "ready": [2.0], "flow": [5.0],
    }  # fmt: skip
    assert tally.seconds["connect"] == [1.0, 0.0]
    assert Tally.read(json.loads(json.dumps(tally.as_json()))) == tally
    assert Tally.sum([tally, tally]).matches == 2


def test_users_who_disagree_about_their_match_are_an_error_and_no_match() -> None:
    alone = Tally.of([user(0, found=1.0)], ended=0.0)
    assert (alone.matches, alone.errors) == (0, Counter({"the two of a match disagree": 1}))


def test_pairs_arrive_at_their_intended_moments_whatever_happens() -> None:
    shift = Shift(name="x", start=5.0, pairs=3, interval=0.5, gap=0.1, replicas=[], buckets=[])
    assert list(shift.arrivals()) == [5.0, 5.5, 6.0]


def test_a_report_is_clean_only_with_a_session_for_everyone_and_an_event_for_every_session(tmp_path: Path) -> None:
    def report(matches: int, received: int, errors: Mapping[str, int] = MappingProxyType({})) -> Report:
        events = Events(received=received, matches=matches, expected=matches)
        latencies = {step: Latency.of([0.001]) for step in STEPS}
        return Report(
            program="flow", plan={}, seconds=2.0, users=4, matches=matches, requests=8,
            latency_ms=latencies, cost={}, events=events, errors=dict(errors),
        )  # fmt: skip

    assert report(2, 2).is_clean
    assert [report(1, 1).is_clean, report(2, 3).is_clean, report(2, 2, errors={"x": 1}).is_clean] == [False] * 3
    assert (report(2, 2).matches_per_second, report(2, 2).requests_per_second) == (1.0, 4.0)
    show(report(2, 2, errors={"x": 1}).sheet(), quiet())
    write(report(2, 2).as_json(), tmp_path / "report.json")
    kept = json.loads((tmp_path / "report.json").read_text())
    assert {"machine", "versions", "command", "caveats", "settings", "latency_ms", "cost", "events"} <= kept.keys()


async def test_the_lean_socket_reads_frames_of_every_size_answers_pings_and_notices_the_end() -> None:
    sizes, got, ends, pongs = (1, 125, 126, 70_000), list[int](), list[int](), list[bytes]()

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False, compress=False)
        await socket.prepare(request)
        for size in sizes:
            await socket.send_str("x" * size)
        await socket.ping(b"hi")
        pongs.append((await socket.receive()).data)
        await socket.close(code=4409)
        return socket

    app = web.Application()
    app.router.add_get("/ws", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = "http://{}:{}".format(*runner.addresses[0])
    done = asyncio.Event()

    def end(code: int) -> None:
        ends.append(code)
        done.set()

    await sockets.connect(f"{address}/ws?token=t", lambda text: got.append(len(text)), end)
    await asyncio.wait_for(done.wait(), 5)
    assert (got, ends, pongs) == ([*sizes], [4409], [b"hi"])
    with pytest.raises(sockets.Refused, match="404"):
        await sockets.connect(f"{address}/nowhere?token=t", lambda _: None, ends.append)
    await runner.cleanup()
