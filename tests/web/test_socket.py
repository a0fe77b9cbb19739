"""GET /ws: what comes first, what clients may send, how it ends."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from aiohttp import WSMsgType
from structlog.testing import capture_logs

from domain.errors import StoreUnavailable
from domain.match import Participant
from domain.news import PartnerConfirmed, Snapshot
from domain.request import RequestStatus
from tests.actors.waiting import a_few_turns
from tests.web import builders
from tests.web.builders import ALICE, BOB, MATCH_ID, REQUEST_ID, SESSION_ID
from tests.web.conftest import Edge, close_code
from tests.web.fakes import token, until
from web.auth import LEEWAY_SECONDS
from web.hub import MOST_GREETINGS, _restarting

HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
NEWS = PartnerConfirmed(match_id=MATCH_ID)


# -- what comes first ------------------------------------------------------------------------------


async def test_the_first_frame_says_nothing_is_going_on(edge: Edge) -> None:
    socket = await edge.connect()
    assert await socket.receive_json() == {"type": "state", "request": None, "match": None, "session": None}


async def test_the_first_frame_tells_everything_that_is_going_on(edge: Edge) -> None:
    request = builders.request(status=RequestStatus.MATCHED, match_id=MATCH_ID)
    match = builders.match(second=Participant(BOB, builders.OTHER_REQUEST_ID, confirmed=True))
    edge.reads.now = Snapshot(request, match, builders.session())
    text = await (await edge.connect()).receive_str()
    assert text.startswith('{"type":"state",')
    assert json.loads(text) == {
        "type": "state",
        "request": {
            "id": REQUEST_ID,
            "status": "matched",
            "difficulty": "easy",
            "topic": "Array",
            "match_id": MATCH_ID,
            "created_at": "2025-11-12T06:40:23.123Z",
            "expires_at": "2025-11-12T06:41:23.123Z",
        },
        "match": {
            "match_id": MATCH_ID,
            "partner_id": BOB,
            "difficulty": "easy",
            "topic": "Array",
            "status": "proposed",
            "you_confirmed": False,
            "partner_confirmed": True,
            "expires_at": "2025-11-12T06:42:23.123Z",
        },
        "session": {
            "match_id": MATCH_ID,
            "session_id": SESSION_ID,
            "partner_id": BOB,
            "question": {"id": "q-1", "title": "Two Sum", "difficulty": "easy", "topics": ["Array"]},
        },
    }


async def test_what_happens_while_the_state_is_read_comes_after_it(edge: Edge) -> None:
    edge.reads.while_reading = lambda: edge.hub.tell(ALICE, NEWS)
    socket = await edge.connect()
    assert [(await socket.receive_json())["type"] for _ in range(2)] == ["state", "partner_confirmed"]


async def test_other_replicas_are_heard_before_the_state_is_read(edge: Edge) -> None:
    heard = []
    edge.reads.while_reading = lambda: heard.extend(edge.fanout.subscribed)
    await edge.greeted()
    assert heard == [ALICE]


async def test_a_socket_outlasts_a_store_that_is_away(edge: Edge) -> None:
    edge.reads.failures = [StoreUnavailable("postgres")] * 2
    socket = await edge.connect()
    assert (await socket.receive_json())["type"] == "state"
    assert edge.reads.snapshots == 3


async def test_after_a_mass_reconnect_only_some_states_are_read_at_a_time(edge: Edge) -> None:
    edge.reads.may_read.clear()
    sockets = [await edge.connect(f"user-{number}") for number in range(MOST_GREETINGS + 5)]
    await until(lambda: len(edge.fanout.subscribed) == len(sockets))
    await a_few_turns()
    assert edge.reads.snapshots == MOST_GREETINGS
    edge.reads.may_read.set()
    for socket in sockets:
        assert (await socket.receive_json())["type"] == "state"


async def test_a_state_that_cannot_be_made_closes_the_socket(edge: Edge) -> None:
    edge.reads.failures = [ZeroDivisionError()]
    assert await close_code(await edge.connect()) == 1011


async def test_hanging_up_while_the_state_is_awaited_leaves_nothing_behind(edge: Edge) -> None:
    edge.reads.may_read.clear()
    socket = await edge.connect()
    await until(lambda: edge.reads.snapshots)
    await socket.close()
    await until(lambda: not edge.hub._taken)
    assert not edge.hub._connections


# -- what clients may send -------------------------------------------------------------------------


async def test_a_ping_gets_a_pong_every_time(edge: Edge) -> None:
    socket = await edge.greeted()
    for _ in range(3):
        await socket.send_str('{"type": "ping"}')
        assert await socket.receive_json() == {"type": "pong"}


async def test_protocol_pings_are_answered(edge: Edge) -> None:
    socket = await edge.connect(autoping=False)
    await socket.receive()
    await socket.ping(b"x")
    message = await socket.receive()
    assert (message.type, message.data) == (WSMsgType.PONG, b"x")


@pytest.mark.parametrize(
    "text", ["{}", '{"type": "subscribe"}', '{"type": "match_found", "user_id": "user-456"}', '{"type": 1}']
)
async def test_whatever_else_clients_say_is_ignored(edge: Edge, text: str) -> None:
    socket = await edge.greeted()
    await socket.send_str(text)
    await socket.send_str('{"type": "ping"}')
    assert await socket.receive_json() == {"type": "pong"}


NONSENSE = ["hello", "", "[]", "7", "NaN", '{"a": 1, "a": 2}', "[" * 2000, '{"a": ' + "9" * 4000, "\ufeff{}"]


@pytest.mark.parametrize("text", NONSENSE)
async def test_nonsense_is_answered_and_then_closed(edge: Edge, text: str) -> None:
    socket = await edge.greeted()
    for _ in range(2):
        await socket.send_str(text)
        assert await socket.receive_json() == {"type": "error", "code": "malformed_frame"}
    await socket.send_str(text)
    assert await close_code(socket) == 1008


async def test_a_flood_of_messages_is_closed(edge: Edge) -> None:
    socket = await edge.greeted()
    for _ in range(100):
        await socket.send_str("{}")
    assert await close_code(socket) == 4429


@pytest.mark.parametrize("name", ["ping", "pong"])
async def test_a_flood_of_pings_and_pongs_is_closed(edge: Edge, name: str) -> None:
    socket = await edge.greeted()
    for _ in range(100):
        await getattr(socket, name)()
    assert await close_code(socket) == 4429


async def test_a_binary_frame_is_closed(edge: Edge) -> None:
    socket = await edge.greeted()
    await socket.send_bytes(b"{}")
    assert await close_code(socket) == 1003


async def test_a_frame_over_4_kib_is_closed(edge: Edge) -> None:
    socket = await edge.greeted()
    await socket.send_str("x" * 4097)
    assert await close_code(socket) == 1009


async def test_compression_is_declined(edge: Edge) -> None:
    socket = await edge.connect(compress=15)
    assert socket.compress == 0


# -- how it ends -----------------------------------------------------------------------------------


async def test_a_socket_ends_with_its_token(edge: Edge) -> None:
    soon = int(time.time()) - LEEWAY_SECONDS + 2
    socket = await edge.connect(None, params={"token": token(exp=soon)})
    assert (await socket.receive_json())["type"] == "state"
    assert await close_code(socket) == 4401
    assert time.time() >= soon + LEEWAY_SECONDS


async def test_a_token_of_the_far_future_opens_a_socket(edge: Edge) -> None:
    socket = await edge.connect(None, params={"token": token(exp=2**53)})
    assert (await socket.receive_json())["type"] == "state"


async def test_a_restart_sends_everyone_away_to_reconnect(edge: Edge) -> None:
    sockets = [await edge.greeted(), await edge.greeted(BOB)]
    closing = asyncio.create_task(edge.hub.close_all())
    assert [await close_code(socket) for socket in sockets] == [1012, 1012]
    await closing
    assert (await edge.get("/ws?token=x", headers=HANDSHAKE)).status == 503


async def test_everyone_is_sent_away_for_another_while(edge: Edge) -> None:
    edge.set(max_sockets_per_address=100)
    sockets = [await edge.greeted(f"user-{number}") for number in range(20)]
    closing = asyncio.create_task(edge.hub.close_all())
    pauses = []
    for socket in sockets:
        message = await socket.receive()
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)
        why, _, pause = str(message.extra).partition("; retry-after-ms=")
        assert why == "restarting"
        pauses.append(int(pause))
    await closing
    assert all(0 <= pause <= 1000 for pause in pauses)
    assert len(set(pauses)) > 10


@pytest.mark.parametrize(("sockets", "longest"), [(1, 1_000), (250, 1_000), (1_000, 4_000), (20_000, 10_000)])
def test_the_more_are_sent_away_the_longer_it_takes_until_all_are_back(sockets: int, longest: int) -> None:
    pauses = [int(_restarting(sockets).partition("retry-after-ms=")[2]) for _ in range(500)]
    assert max(pauses) <= longest
    assert max(pauses) > longest * 0.9
    assert min(pauses) < longest * 0.1


async def test_stopping_the_application_closes_its_sockets(edge: Edge) -> None:
    socket = await edge.greeted()
    stopping = asyncio.create_task(edge.client.server.close())
    assert await close_code(socket) == 1012
    await stopping


async def test_whoever_just_goes_away_leaves_nothing_behind(edge: Edge) -> None:
    sockets = [await edge.greeted(f"user-{number}") for number in range(5)]
    for socket in sockets:
        held = socket._response.connection
        assert held is not None
        assert held.transport is not None
        held.transport.abort()
    await until(lambda: not edge.hub._taken)
    assert not edge.hub._connections
    assert edge.fanout.subscribed == []
    assert (edge.meter.opened, edge.meter.closed.total()) == (5, 5)


async def test_a_closed_socket_is_logged_and_counted_without_its_token(edge: Edge) -> None:
    presented = token()
    with capture_logs() as lines:
        socket = await edge.connect(None, params={"token": presented})
        await socket.receive()
        await socket.close()
        await until(lambda: edge.meter.closed)
    assert [(line["action"], line["code"]) for line in lines] == [("socket_closed", 1000)]
    assert presented not in repr(lines)
    assert edge.meter.answers == []
    assert not edge.hub._connections
