"""GET /ws: who gets in, what comes first, what clients may send, how it ends."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType
from structlog.testing import capture_logs

from domain.errors import NeighbourUnavailable, StoreUnavailable
from domain.ids import UserId
from domain.match import Participant
from domain.news import PartnerConfirmed, Snapshot
from domain.request import RequestStatus
from tests.web import builders
from tests.web.builders import ALICE, BOB, MATCH_ID, REQUEST_ID, SESSION_ID
from tests.web.conftest import Edge, close_code
from tests.web.fakes import FakeUsers, token, until
from web.auth import LEEWAY_SECONDS
from web.paths import SOCKET

PAGE = "https://app.example.com"
NEWS = PartnerConfirmed(match_id=MATCH_ID)


async def refused(edge: Edge, **kwargs: Any) -> aiohttp.ClientResponse:
    """The answer to something that is no handshake, or none we take."""
    if not hasattr(edge, "client"):
        await edge.open()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | kwargs.pop("headers", {})
    kwargs = {"params": {"token": token()}} | kwargs
    given = {name: value for name, value in headers.items() if value}
    return await edge.client.get(SOCKET, headers=given, **kwargs)


# -- who gets in -----------------------------------------------------------------------------------


async def test_a_token_in_the_query_opens_a_socket(edge: Edge) -> None:
    socket = await edge.greeted()
    assert socket.protocol is None
    await socket.close()


async def test_a_token_in_a_header_opens_a_socket(edge: Edge) -> None:
    socket = await edge.connect(None, headers={"Authorization": f"Bearer {token()}"})
    assert (await socket.receive_json())["type"] == "state"


async def test_a_token_as_subprotocol_opens_a_socket_and_is_not_echoed(edge: Edge) -> None:
    socket = await edge.connect(None, protocols=("bearer", token()))
    assert socket.protocol == "bearer"
    assert (await socket.receive_json())["type"] == "state"


async def test_other_subprotocols_are_ignored(edge: Edge) -> None:
    socket = await edge.connect(protocols=("chat", "junk"))
    assert socket.protocol is None
    assert (await socket.receive_json())["type"] == "state"


@pytest.mark.parametrize("presented", ["", "undefined", "expired", "refresh"])
async def test_without_a_good_token_the_socket_is_closed_where_browsers_can_see_why(edge: Edge, presented: str) -> None:
    known = {"expired": token(exp=int(time.time()) - 60), "refresh": token(type="refresh")}
    socket = await edge.connect(None, params={"token": known.get(presented, presented)})
    assert await close_code(socket) == 4401
    assert edge.reads.snapshots == 0


async def test_without_any_token_the_socket_is_closed_with_4401(edge: Edge) -> None:
    assert await close_code(await edge.connect(None)) == 4401


@pytest.mark.parametrize(
    "origin", ["null", f"{PAGE}.evil.io", "http://app.example.com", f"{PAGE}:8443", "https://x.example"]
)
async def test_a_foreign_page_is_closed_with_4403(edge: Edge, origin: str | None) -> None:
    edge.set(cors_origins=(PAGE,))
    assert await close_code(await edge.connect(headers={"Origin": origin})) == 4403


@pytest.mark.parametrize(
    ("allowed", "headers"),
    [((PAGE,), {"Origin": PAGE}), ((PAGE,), {}), ((), {"Origin": PAGE}), (("*",), {"Origin": PAGE})],
)
async def test_allowed_pages_and_other_clients_get_in(
    edge: Edge, allowed: tuple[str, ...], headers: dict[str, str]
) -> None:
    edge.set(cors_origins=allowed)
    assert (await (await edge.connect(headers=headers)).receive_json())["type"] == "state"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": ""}, 426),
        ({"Sec-WebSocket-Version": "12"}, 426),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Key": "short"}, 400),
        ({"Authorization": f"Bearer {token('user-456')}"}, 400),
    ],
)
async def test_what_is_no_handshake_is_a_problem(edge: Edge, headers: dict[str, str], status: int) -> None:
    answer = await refused(edge, headers=headers)
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    if status == 426:
        assert answer.headers["Sec-WebSocket-Version"] == "13"


async def test_a_handshake_has_no_body(edge: Edge) -> None:
    assert (await refused(edge, data=b"hello")).status == 400


async def test_two_tokens_in_the_query_are_malformed(edge: Edge) -> None:
    assert (await refused(edge, params=[("token", token()), ("token", token())])).status == 400


async def test_the_same_token_twice_is_one_token(edge: Edge) -> None:
    presented = token()
    socket = await edge.connect(None, params={"token": presented}, headers={"Authorization": f"Bearer {presented}"})
    assert (await socket.receive_json())["type"] == "state"


async def test_a_user_service_that_is_away_means_try_again(edge: Edge) -> None:
    edge.users = FakeUsers(answer=NeighbourUnavailable("users"))
    answer = await refused(edge)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_connecting_too_often_is_429(edge: Edge) -> None:
    edge.set(rate_limit="2/minute")
    for _ in range(2):
        await (await edge.greeted()).close()
    assert (await refused(edge)).status == 429


@pytest.mark.parametrize("cap", ["max_sockets", "max_sockets_per_address"])
async def test_a_full_house_is_503_until_someone_leaves(edge: Edge, cap: str) -> None:
    edge.set(**{cap: 2})
    first, _ = await edge.greeted(), await edge.greeted()
    answer = await refused(edge)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    await first.close()
    await until(lambda: edge.hub.sockets == 1)
    await edge.greeted()


async def test_the_oldest_of_too_many_sockets_of_a_user_is_replaced(edge: Edge) -> None:
    oldest, *others = [await edge.greeted() for _ in range(4)]
    assert await close_code(oldest) == 4409
    await until(lambda: edge.connected() == 3)
    edge.hub.tell(ALICE, NEWS)
    for socket in others:
        assert (await socket.receive_json())["type"] == "partner_confirmed"


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


async def test_a_state_that_cannot_be_made_closes_the_socket(edge: Edge) -> None:
    edge.reads.failures = [ZeroDivisionError()]
    assert await close_code(await edge.connect()) == 1011


async def test_hanging_up_while_the_state_is_awaited_leaves_nothing_behind(edge: Edge) -> None:
    edge.reads.may_read.clear()
    socket = await edge.connect()
    await until(lambda: edge.reads.snapshots)
    await socket.close()
    await until(lambda: edge.hub.sockets == 0)
    assert not edge.hub.users


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
    assert (await refused(edge)).status == 503


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
    await until(lambda: edge.hub.sockets == 0)
    assert not edge.hub.users
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
    assert UserId(ALICE) not in edge.hub.users
