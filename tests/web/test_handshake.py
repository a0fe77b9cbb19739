"""GET /ws: who gets in."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import pytest

from domain.errors import NeighbourUnavailable
from domain.news import PartnerConfirmed
from tests.web.builders import ALICE, MATCH_ID
from tests.web.conftest import Edge, close_code
from tests.web.fakes import FakeUsers, token, until
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
    await until(lambda: edge.hub._taken == 1)
    await edge.greeted()


async def test_the_oldest_of_too_many_sockets_of_a_user_is_replaced(edge: Edge) -> None:
    oldest, *others = [await edge.greeted() for _ in range(4)]
    assert await close_code(oldest) == 4409
    await until(lambda: edge.connected() == 3)
    edge.hub.tell(ALICE, NEWS)
    for socket in others:
        assert (await socket.receive_json())["type"] == "partner_confirmed"
