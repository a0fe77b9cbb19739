"""How news reaches sockets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp.client_proto import ResponseHandler

from domain.ids import MatchId, UserId
from domain.news import MatchExpired, MatchFound, MatchReady, News, PartnerConfirmed, PartnerLeft, RequestTimeout
from domain.reasons import EndReason
from tests.web import builders
from tests.web.builders import ALICE, BOB, MATCH_ID, REQUEST_ID, SESSION_ID
from tests.web.conftest import Edge, Socket, close_code
from tests.web.fakes import until
from web.connection import MOST_BYTES, MOST_FRAMES, CloseCode, Connection

FRAMES: list[tuple[News, dict[str, Any]]] = [
    (
        MatchFound.to(ALICE, builders.match()),
        {
            "type": "match_found",
            "match_id": MATCH_ID,
            "partner_id": BOB,
            "difficulty": "easy",
            "topic": "Array",
            "expires_at": "2025-11-12T06:42:23.123Z",
        },
    ),
    (PartnerConfirmed(match_id=MATCH_ID), {"type": "partner_confirmed", "match_id": MATCH_ID}),
    (
        MatchReady.to(ALICE, builders.session()),
        {
            "type": "match_ready",
            "match_id": MATCH_ID,
            "session_id": SESSION_ID,
            "question_id": "q-1",
            "partner_id": BOB,
        },
    ),
    (
        MatchExpired(match_id=MATCH_ID, reason=EndReason.DECLINED, requeued=True, request_id=REQUEST_ID),
        {
            "type": "match_expired",
            "match_id": MATCH_ID,
            "reason": "declined",
            "requeued": True,
            "request_id": REQUEST_ID,
        },
    ),
    (RequestTimeout(request_id=REQUEST_ID), {"type": "request_timeout", "request_id": REQUEST_ID}),
    (
        PartnerLeft(session_id=SESSION_ID, user_id=BOB),
        {"type": "partner_left", "session_id": SESSION_ID, "user_id": BOB},
    ),
]


def confirmed(number: int) -> PartnerConfirmed:
    return PartnerConfirmed(match_id=MatchId(f"match-{number}"))


@pytest.mark.parametrize(("news", "frame"), FRAMES, ids=lambda value: type(value).__name__)
async def test_every_kind_of_news_is_a_frame(edge: Edge, news: News, frame: dict[str, Any]) -> None:
    socket = await edge.greeted()
    edge.hub.tell(ALICE, news)
    message = await socket.receive()
    assert message.type is WSMsgType.TEXT
    assert json.loads(message.data) == frame
    assert message.data.startswith(f'{{"type":"{frame["type"]}"')


async def test_every_tab_hears_everything_and_nobody_else_does(edge: Edge) -> None:
    tabs = [await edge.greeted(), await edge.greeted()]
    other = await edge.greeted(BOB)
    edge.hub.tell(ALICE, confirmed(1))
    edge.hub.tell(BOB, confirmed(2))
    for tab in tabs:
        assert (await tab.receive_json())["match_id"] == "match-1"
    assert (await other.receive_json())["match_id"] == "match-2"
    assert edge.meter.frames == 3


async def test_other_replicas_get_the_same_text(edge: Edge) -> None:
    socket = await edge.greeted()
    edge.hub.tell(ALICE, confirmed(1))
    edge.hub.tell(BOB, confirmed(2))
    assert [user for user, _ in edge.fanout.published] == [ALICE, BOB]
    assert edge.fanout.published[0][1] == await socket.receive_str()


async def test_frames_of_other_replicas_are_delivered_and_not_passed_on(edge: Edge) -> None:
    socket = await edge.greeted()
    edge.hub.deliver(ALICE, '{"type":"partner_confirmed","match_id":"x"}')
    edge.hub.deliver(UserId("nobody"), "{}")
    assert await socket.receive_json() == {"type": "partner_confirmed", "match_id": "x"}
    assert edge.fanout.published == []


async def test_other_replicas_are_heard_as_long_as_someone_listens(edge: Edge) -> None:
    first, second = await edge.greeted(), await edge.greeted()
    await first.close()
    await until(lambda: edge.connected() == 1)
    assert ALICE in edge.fanout.subscribed
    await second.close()
    await until(lambda: edge.connected() == 0)
    assert edge.fanout.subscribed == []


async def test_what_is_announced_twice_is_heard_once(edge: Edge) -> None:
    socket = await edge.greeted()
    for number in (1, 1, 2, 1, 2, 3):
        edge.hub.tell(ALICE, confirmed(number))
    assert [(await socket.receive_json())["match_id"] for _ in range(3)] == ["match-1", "match-2", "match-3"]


async def test_where_somebody_stands_is_told_again_even_when_it_is_the_same_as_before(edge: Edge) -> None:
    socket = await edge.greeted()
    for _ in range(2):
        edge.hub.renew(ALICE, b'{"type":"state"}')
        assert await socket.receive_json() == {"type": "state"}
    edge.hub.renew(BOB, b'{"type":"state"}')
    assert edge.meter.frames == 2


async def test_news_keeps_its_order(edge: Edge) -> None:
    socket = await edge.greeted()
    for number in range(60):
        edge.hub.tell(ALICE, confirmed(number))
    assert [(await socket.receive_json())["match_id"] for _ in range(60)] == [f"match-{n}" for n in range(60)]


async def congest(edge: Edge, quick: Socket) -> None:
    """Tell ALICE more than she reads, and BOB something now and then."""
    (subject,) = edge.hub._connections[ALICE]
    number = 0
    while not subject.is_closing:
        number += 1
        edge.hub.deliver(ALICE, json.dumps({"type": "x", "number": number, "padding": "x" * 3000}))
        if number % 10 == 0:
            edge.hub.tell(BOB, confirmed(number))
            assert (await quick.receive_json())["match_id"] == f"match-{number}"


def line_of(socket: Socket) -> ResponseHandler:
    held = socket._response.connection
    assert held is not None
    assert held.protocol is not None
    return held.protocol


async def test_a_slow_reader_is_told_so_and_holds_nobody_up(edge: Edge) -> None:
    slow, quick = await edge.greeted(), await edge.greeted(BOB)
    line_of(slow).pause_reading()
    await congest(edge, quick)
    line_of(slow).resume_reading()
    assert await close_code(slow) == 4408
    await until(lambda: edge.meter.closed == {4408: 1})
    assert (edge.connected(), edge.connected(BOB)) == (0, 1)


async def test_who_never_reads_is_cut_off(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.connection.CLOSING_SECONDS", 0.01)
    slow, quick = await edge.greeted(), await edge.greeted(BOB)
    line_of(slow).pause_reading()
    await congest(edge, quick)
    await until(lambda: edge.meter.closed == {4408: 1})
    line_of(slow).resume_reading()
    assert await close_code(slow) in (1006, 4408)


class Paper:
    """A socket that nobody reads from."""

    close_code: int | None = None

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.flows = asyncio.Event()

    async def send_frame(self, frame: bytes, kind: WSMsgType) -> None:
        self.sent.append(frame)
        await self.flows.wait()

    async def close(self, *, code: int, message: bytes, drain: bool) -> bool:
        self.close_code = code
        return True


def connection() -> tuple[Connection, Paper]:
    paper = Paper()
    one: Any = paper
    subject = Connection(ALICE, one, None)
    subject.open()
    subject.introduce(b"state")
    return subject, paper


async def test_only_so_many_frames_wait() -> None:
    subject, paper = connection()
    await until(lambda: paper.sent)
    assert all(subject.push(b"%d" % number) for number in range(MOST_FRAMES))
    assert not subject.push(b"one too many")
    await subject.finish()
    assert paper.close_code == CloseCode.TOO_SLOW


async def test_only_so_many_bytes_wait() -> None:
    subject, paper = connection()
    await until(lambda: paper.sent)
    assert subject.push(b"x" * (MOST_BYTES - 1))
    assert not subject.push(b"yy")
    await subject.finish()
    assert paper.close_code == CloseCode.TOO_SLOW


async def test_a_reader_that_keeps_up_is_never_too_slow() -> None:
    subject, paper = connection()
    paper.flows.set()
    for number in range(3 * MOST_FRAMES):
        assert subject.push(b"%d" % number)
        await until(lambda: not subject._outbox)
    assert len(paper.sent) == 3 * MOST_FRAMES + 1


async def test_a_socket_is_closed_once_and_takes_nothing_more() -> None:
    subject, paper = connection()
    subject.close(CloseCode.REPLACED, "first")
    subject.close(CloseCode.TOO_SLOW, "second")
    assert not subject.push(b"late")
    await subject.finish()
    assert paper.close_code == CloseCode.REPLACED
