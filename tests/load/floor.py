"""The floor: what answering costs by itself.

Bare aiohttp on uvloop answers the flow's requests out of dictionaries, with the tokens verified and everything in
JSON, but no store, no broker, no actors, and nothing that survives.  What the service costs beyond this is what it
adds.  ``./run load floor`` measures both in turn.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import jwt
import uvloop
from aiohttp import web

from service.settings import load_settings_before_servers
from web.paths import BASE, SOCKET
from web.serving import SETTINGS

CONFIRM_SECONDS: Final = 120


class Floor:
    """Everybody and everything, in dictionaries."""

    def __init__(self, secret: str, algorithm: str) -> None:
        self._secret = secret
        self._algorithm = algorithm
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._waiting: dict[tuple[str, str], str] = {}
        self._matches: dict[str, tuple[str, str]] = {}
        self._confirmed: dict[str, set[str]] = {}

    def app(self) -> web.Application:
        """What is served."""
        app = web.Application(client_max_size=16 * 1024)
        app.router.add_post(f"{BASE}/request", self.find)
        app.router.add_post(f"{BASE}/confirm", self.confirm)
        app.router.add_get(SOCKET, self.listen)
        app.router.add_get("/health/ready", self.ready)
        return app

    def _user(self, token: str) -> str:
        claims = jwt.decode(token, self._secret, algorithms=[self._algorithm], options={"require": ["exp", "sub"]})
        user_id: str = claims["sub"]
        return user_id

    def _caller(self, request: web.Request) -> str:
        return self._user(request.headers["Authorization"].removeprefix("Bearer "))

    async def ready(self, _: web.Request) -> web.Response:
        """Always."""
        return _answer({"status": "ready"})

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        """One socket's life."""
        user_id = self._user(request.query["token"])
        socket = web.WebSocketResponse(compress=False, heartbeat=20)
        await socket.prepare(request)
        self._sockets[user_id] = socket
        await socket.send_str(json.dumps({"type": "state", "request": None, "match": None, "session": None}))
        async for _ in socket:
            pass
        del self._sockets[user_id]
        return socket

    async def find(self, request: web.Request) -> web.Response:
        """Wait, or be matched with whoever waits."""
        user_id, wish = self._caller(request), await request.json()
        bucket = (wish["difficulty"], wish["topic"])
        now = datetime.now(UTC)
        partner = self._waiting.pop(bucket, None)
        if partner is None:
            self._waiting[bucket] = user_id
        else:
            match_id = str(uuid4())
            self._matches[match_id] = (partner, user_id)
            self._confirmed[match_id] = set()
            expires_at = (now + timedelta(seconds=CONFIRM_SECONDS)).isoformat()
            for one, other in ((partner, user_id), (user_id, partner)):
                await self._tell(one, "match_found", match_id=match_id, partner_id=other, **wish, expires_at=expires_at)
        body = {"id": str(uuid4()), "user_id": user_id, **wish, "status": "pending", "created_at": now.isoformat()}
        return _answer(body, 201)

    async def confirm(self, request: web.Request) -> web.Response:
        """Say yes; whoever completes the match gets the session."""
        user_id, verdict = self._caller(request), await request.json()
        match_id = verdict["match_id"]
        users, confirmed = self._matches[match_id], self._confirmed[match_id]
        confirmed.add(user_id)
        if len(confirmed) < len(users):
            await self._tell(_other(users, user_id), "partner_confirmed", match_id=match_id)
            return _answer({"status": "waiting_for_partner", "match_id": match_id})
        session = {"match_id": match_id, "session_id": str(uuid4()), "question_id": "q-1"}
        for one in users:
            await self._tell(one, "match_ready", **session, partner_id=_other(users, one))
        del self._matches[match_id], self._confirmed[match_id]
        return _answer({**session, "partner_id": _other(users, user_id)})

    async def _tell(self, user_id: str, kind: str, **fields: Any) -> None:
        if (socket := self._sockets.get(user_id)) is not None:
            await socket.send_str(json.dumps({"type": kind, **fields}))


def _other(users: tuple[str, str], user_id: str) -> str:
    return users[1] if user_id == users[0] else users[0]


def _answer(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


async def serve(port: int) -> None:
    """Serve until SIGTERM."""
    settings = load_settings_before_servers()
    floor = Floor(settings.auth_access_secret.get_secret_value(), settings.auth_algorithm)
    runner = web.AppRunner(floor.app(), shutdown_timeout=0.1, **SETTINGS)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
