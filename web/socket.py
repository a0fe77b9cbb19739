"""``GET /ws``: who is it, where do they stand, then news until someone hangs up."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog
from aiohttp import WSMsgType, web

from domain.errors import Unavailable
from web import frames
from web.auth import Identity
from web.calls import SERVICES, Services
from web.connection import CLOSING_SECONDS, CloseCode, Connection, narrow
from web.errors import Unauthorized
from web.gate import Gate, gate
from web.handshake import SUBPROTOCOL, expect_handshake, is_foreign, token_of
from web.lease import closing_at, rechecking
from web.manners import Manners

HEARTBEAT_SECONDS: Final = 20
TOGETHER_SECONDS: Final = 0.08
"""How long the answer to a handshake waits for the first frame: both in one piece wake the client once."""
MAX_MESSAGE_BYTES: Final = 4096
FIRST_RETRY_SECONDS: Final = 0.1
LAST_RETRY_SECONDS: Final = 2.0
ABNORMAL: Final = 1006

log = structlog.get_logger()


async def serve(request: web.Request) -> web.StreamResponse:
    """One WebSocket's life."""
    services = request.app[SERVICES]
    expect_handshake(request)
    with services.hub.seat(request.remote or "unknown"):
        identity = await _admit(request, services)
        with gate(request) as standing:
            socket = _socket(request)
            if isinstance(identity, Identity):
                await _serve_user(request, services, socket, identity, standing)
            else:
                await socket.prepare(request)
                await socket.close(code=identity, message=identity.name.lower().encode())
            return socket


async def _admit(request: web.Request, services: Services) -> Identity | CloseCode:
    """Who opens the socket, or why it is closed again: browsers can read a close code, but no status."""
    if is_foreign(request, services.options.cors_origins):
        return CloseCode.FORBIDDEN_ORIGIN
    try:
        identity = await services.authenticator.identify(token_of(request))
    except Unauthorized:
        return CloseCode.UNAUTHORIZED
    services.rate_limit.count(identity.user_id)
    return identity


def _socket(request: web.Request) -> web.WebSocketResponse:
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    return web.WebSocketResponse(
        timeout=CLOSING_SECONDS,
        autoping=False,  # pings are counted too
        heartbeat=HEARTBEAT_SECONDS,
        protocols=(SUBPROTOCOL,) if offered[0].strip() == SUBPROTOCOL else (),
        compress=False,
        max_msg_size=MAX_MESSAGE_BYTES,
        writer_limit=1,  # whether the line is congested is asked after every frame
    )


async def _serve_user(
    request: web.Request, services: Services, socket: web.WebSocketResponse, identity: Identity, standing: Gate
) -> None:
    narrow(request.transport)
    connection = Connection(identity.user_id, socket, request.transport)
    opened = time.monotonic()
    services.meter.socket_opened()
    services.hub.add(connection)  # before the snapshot is read: what happens meanwhile waits behind it
    greeting = asyncio.create_task(_greet(services, connection))
    try:
        await asyncio.wait([greeting], timeout=TOGETHER_SECONDS)
        await socket.prepare(request)
        connection.open()
        with (
            closing_at(connection, identity.expires_at),
            rechecking(connection, services.authenticator, request, services.options.recheck_seconds),
        ):
            await _listen(socket, connection, standing)
    finally:
        services.hub.remove(connection)
        greeting.cancel()
        code = int(connection.closed_with or socket.close_code or ABNORMAL)
        services.meter.socket_closed(code)
        log.debug("socket closed", action="socket_closed", code=code, seconds=round(time.monotonic() - opened, 3))
        await connection.finish()  # last: a server that stops may cancel it


async def _greet(services: Services, connection: Connection) -> None:
    """Send the first frame, however long PostgreSQL is away."""
    user_id, retry_seconds = connection.user_id, FIRST_RETRY_SECONDS
    try:
        await services.hub.subscribed(user_id)
        while not connection.is_closing:
            try:
                async with services.hub.greetings:
                    snapshot = await services.reads.snapshot(user_id)
            except Unavailable:
                await asyncio.sleep(retry_seconds)
                retry_seconds = min(2 * retry_seconds, LAST_RETRY_SECONDS)
            else:
                connection.introduce(frames.state(snapshot, user_id))
                return
    except Exception:
        log.exception("no state frame", action="greet")
        connection.close(CloseCode.INTERNAL_ERROR, "internal error")


async def _listen(socket: web.WebSocketResponse, connection: Connection, standing: Gate) -> None:
    """Read until the socket closes, or is closed because of what is read."""
    manners = Manners(time.monotonic)
    try:
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                return
            match standing.offence or manners.judge(message):
                case CloseCode() as code:
                    # By this task, which reads on until the peer has closed too: no reset overtakes the code.
                    await socket.close(code=code, message=code.name.lower().encode(), drain=False)
                    return
                case bytes() as answer:
                    connection.reply(answer)
                case None if message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                case None:
                    pass
    except ConnectionError:
        return  # gone while it was answered
