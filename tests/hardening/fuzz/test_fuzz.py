"""A short run of the noise, and that it would be noticed if it found something."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from service.embedded import Servers
from tests.e2e.replica import Replica
from tests.hardening.fuzz import corpus
from tests.hardening.fuzz.attack import attack
from tests.hardening.fuzz.frames import traffic
from tests.hardening.fuzz.house import besieged
from tests.hardening.fuzz.mutations import MUTATIONS, mutated
from tests.hardening.fuzz.verdict import grown, said
from tests.hardening.fuzz.visit import Tally
from tests.hardening.sockets.gauges import Gauges
from web.paths import SOCKET
from web.routes import ROUTES

STILL = """
matching_sockets 0.0
matching_asyncio_tasks 40.0
process_open_fds 30.0
process_resident_memory_bytes 9e+07
"""
WORSE = {
    "matching_sockets 1.0": "1 sockets are counted as open",
    "matching_asyncio_tasks 49.0": "tasks grew from 40 to 49",
    "process_open_fds 39.0": "descriptors grew from 30 to 39",
    "process_resident_memory_bytes 1.3e+08": "memory grew from 85 to 123 MiB",
}


@pytest.mark.timeout(240)  # ten seconds of noise, and what a busy machine needs to come to rest, twice
async def test_noise_finds_nothing(servers: Servers, postgres_url: str, tmp_path: Path) -> None:
    redis_url = servers.urls.redis_url
    assert redis_url is not None
    async with besieged(tmp_path, postgres_url=postgres_url, redis_url=redis_url) as replica:
        outcome = await attack(replica, seconds=10, seed=1, visitors=32)
    assert outcome.findings == []
    assert {101, 200, 400, 404} <= set(outcome.tally.statuses), "the noise got through to the handlers"


def test_the_same_seed_makes_the_same_noise() -> None:
    def made(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        messages = [mutated(chance, make(chance)) for _ in range(200) for make in (corpus.request, corpus.handshake)]
        return [*messages, *(traffic(chance)[0] for _ in range(200))]

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_every_endpoint_is_in_the_corpus_and_what_is_in_it_is_whole() -> None:
    chance = random.Random(1)
    asked = {message.split(b" ")[1].partition(b"?")[0].decode() for message in made_requests(chance)}
    for route in ROUTES:
        if route.path != SOCKET:
            fixed = route.path.partition("{")[0]
            assert any(path.startswith(fixed) for path in asked), route.name


def made_requests(chance: random.Random) -> list[bytes]:
    messages = [corpus.request(chance) for _ in range(2000)]
    for message in messages:
        head, _, body = message.partition(b"\r\n\r\n")
        if b"Content-Length" in head:
            assert isinstance(json.loads(body), dict)
    return messages


@pytest.mark.parametrize("mutation", dict.fromkeys(MUTATIONS), ids=lambda mutation: mutation.__name__)
def test_every_mutation_changes_something_and_leaves_something(mutation: object) -> None:
    assert callable(mutation)
    chance = random.Random(3)
    changed = [(message, mutation(chance, message)) for message in made_requests(chance)[:200]]
    assert all(after for _, after in changed)
    assert sum(before != after for before, after in changed) > 100


@pytest.mark.parametrize(("line", "finding"), WORSE.items())
def test_what_is_left_behind_is_a_finding(line: str, finding: str) -> None:
    before = Gauges(STILL)
    name = line.split(maxsplit=1)[0]
    after = Gauges("\n".join(line if old.startswith(name) else old for old in STILL.splitlines()) + "\n")
    assert list(grown(before, before)) == []
    assert list(grown(before, after)) == [finding]


@pytest.mark.parametrize(
    ("received", "faults"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n{}HTTP/1.1 404 Not Found\r\n\r\n", 0),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 0),
        (b'{"detail":"HTTP/1.1 500 is a status"}', 0),
        (b"HTTP/1.1 200 OK\r\n\r\n{}HTTP/1.1 500 Internal Server Error\r\n\r\n", 1),
        (b"HTTP/1.0 501 Not Implemented\r\n\r\n", 1),
        (b"HTTP/1.1 400 Bad Request\r\n\r\nTraceback (most recent call last)", 1),
    ],
)
def test_an_answer_that_speaks_of_a_defect_is_a_fault(received: bytes, faults: int) -> None:
    tally = Tally()
    tally.answered(7, received)
    assert len(tally.faults) == faults


@pytest.mark.parametrize(
    ("lines", "findings"),
    [
        (['{"level": "info", "event": "a"}', '{"level": "warning", "event": "b"}'], 0),
        (['{"level": "error", "event": "a"}', '{"level": "error", "event": "a"}'], 1),
        (['{"level": "critical", "event": "a"}', '{"level": "error", "event": "a", "action": "b"}'], 2),
        (['{"level": "debug", "event": "a", "exception": [{"exc_type": "ValueError"}]}'], 1),
        (["Traceback (most recent call last):", '  File "x.py", line 1'], 1),
    ],
)
def test_a_log_that_speaks_of_a_defect_is_a_finding(tmp_path: Path, lines: list[str], findings: int) -> None:
    replica = Replica(tmp_path)
    replica.log.write_text("\n".join([*lines, ""]))
    assert len(list(said(replica))) == findings
