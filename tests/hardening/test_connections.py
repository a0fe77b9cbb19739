"""T26 to T31: connections that are silent, slow, busy or gone."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg

from tests.e2e.client import BASE
from tests.e2e.replica import Replica
from tests.e2e.waiting import until
from tests.hardening.wire import POSTS, WISH, Wire, expect_problem, head, wire

HEAD_SECONDS = 15
BODY_SECONDS = 10
SLACK_SECONDS = 4
MANY = 10_000

GET = head("GET", "/health", user=None)


def resident_mib(replica: Replica) -> float:
    """How much memory the process holds."""
    pages = int(Path(f"/proc/{replica.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def closed_after(line: Wire) -> float:
    began = time.monotonic()
    assert await line.end(seconds=HEAD_SECONDS + SLACK_SECONDS) == b""
    return time.monotonic() - began


async def drip(line: Wire, end: asyncio.Task[float]) -> None:
    """A header that never ends, a byte a second, until there is an *end* all the same."""
    line.writer.write(b"GET /health HTTP/1.1\r\nHost: replica\r\nX: ")
    while not end.done():
        line.writer.write(b"x")
        await asyncio.wait({end}, timeout=1)


async def silent(replica: Replica) -> None:
    async with wire(replica) as line:
        assert await closed_after(line) < HEAD_SECONDS + SLACK_SECONDS


async def dripping(replica: Replica, *, kept_alive: bool) -> None:
    async with wire(replica) as line:
        if kept_alive:
            await line.send(GET)
            assert (await line.answer()).status == 200
        end = asyncio.create_task(closed_after(line))
        await drip(line, end)
        assert await end < HEAD_SECONDS + SLACK_SECONDS


async def bodiless(replica: Replica, path: str, *, sent: bytes) -> None:
    async with wire(replica) as line:
        await line.send(head("POST", path, "Content-Length: 100") + sent)
        expect_problem(await line.answer(seconds=BODY_SECONDS + SLACK_SECONDS), 408, "body_too_slow")
        assert await line.end() == b""


async def test_t26_t27_t28_who_says_nothing_is_cut_off(target: Replica) -> None:
    await asyncio.gather(
        silent(target),
        dripping(target, kept_alive=False),
        dripping(target, kept_alive=True),
        *(bodiless(target, path, sent=sent) for path in POSTS for sent in (b"", b"{")),
    )


async def test_t30_ten_thousand_requests_on_one_line_are_answered_in_order(target: Replica) -> None:
    before = resident_mib(target)
    async with wire(target) as line:
        requests = (head("GET", "/health", f"X-Request-ID: {number}", user=None) for number in range(MANY))
        sending = asyncio.create_task(line.send(b"".join(requests)))
        for number in range(MANY):
            answer = await line.answer()
            assert (answer.status, answer.headers["X-Request-ID"]) == (200, str(number))
        await sending
    assert resident_mib(target) - before < 16


async def test_t30_who_never_reads_is_not_read_either(target: Replica) -> None:
    before = resident_mib(target)
    async with wire(target) as line:
        line.writer.transport.set_write_buffer_limits(high=2**16)
        line.reader._transport.pause_reading()  # type: ignore[attr-defined] # the only way not to read
        sending = asyncio.create_task(line.send(*([GET * 1000] * 200)))
        done, _ = await asyncio.wait([sending], timeout=2)
        assert not done, "the kernel's buffers are full, and the replica takes no more"
        assert resident_mib(target) - before < 16
        sending.cancel()


async def test_t31_work_is_finished_for_who_has_gone(target: Replica, rows: asyncpg.Connection) -> None:
    body = WISH.replace(b"Hardening", b"Gone before the answer")
    async with rows.transaction():
        await rows.execute("LOCK TABLE match_requests IN SHARE MODE")
        async with wire(target) as line:
            await line.send(head("POST", f"{BASE}/request", f"Content-Length: {len(body)}", user="gone") + body)
            await until(lambda: rows.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
    await until(lambda: rows.fetchval("SELECT count(*) FROM match_requests WHERE user_id = 'gone'"))
    assert not [line for line in target.said() if line["level"] in ("error", "critical")]
    assert not [line for line in target.said() if line.get("status") == 500]
