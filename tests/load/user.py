"""One user of the service, from the socket to the session, with a stopwatch."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any, Final

import aiohttp

from tests.load import sockets
from web.paths import BASE, SOCKET

PATIENCE_SECONDS: Final = 10.0
"""How long a user waits for each step."""


class GaveUp(Exception):
    """The user got no further; the text is the kind of error."""


@dataclass(slots=True)
class Times:
    """Moments of the machine's monotonic clock, in the order in which they come; 0.0 for not yet."""

    arrived: float
    """As intended."""
    began: float = 0.0
    """In truth: a generator that is late measures itself."""
    connected: float = 0.0
    found: float = 0.0
    ready: float = 0.0
    asked: float = 0.0
    answered: float = 0.0
    said_yes: float = 0.0
    noted: float = 0.0


@dataclass(slots=True)
class User:
    """Plays the whole flow once."""

    token: str
    wish: bytes
    """The body of ``POST /request``."""
    replica: str
    http: aiohttp.ClientSession
    times: Times
    match_id: str = ""
    session_id: str = ""
    requests: int = 0
    error: str = ""
    _news: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def play(self) -> None:
        """Go as far as possible; ``error`` says why no further."""
        self.times.began = monotonic()
        socket: sockets.Socket | None = None
        step = "connect"
        try:
            self._expect("state", "match_found", "match_ready")
            async with asyncio.timeout(PATIENCE_SECONDS):
                url = f"{self.replica}{SOCKET}?token={self.token}"
                socket = await sockets.connect(url, self._take, self._lose)
                await self._news["state"]
            for step in ("request", "match_found", "confirm", "match_ready"):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._go(step)
        except TimeoutError:
            self.error = f"{step}: nothing within {PATIENCE_SECONDS:.0f} s"
        except GaveUp as error:
            self.error = f"{step}: {error}"
        except sockets.Refused as error:
            self.error = f"{step}: answered {error}"
        except (OSError, aiohttp.ClientError) as error:
            self.error = f"{step}: {type(error).__name__}"
        finally:
            if socket is not None:
                socket.close()

    async def _go(self, step: str) -> None:
        times = self.times
        match step:
            case "request":
                times.asked = times.connected
                await self._post("/request", self.wish, HTTPStatus.CREATED)
                times.answered = monotonic()
            case "confirm":
                times.said_yes = max(times.found, times.answered)
                yes = json.dumps({"match_id": self.match_id, "confirmed": True}).encode()
                await self._post("/confirm", yes, HTTPStatus.OK)
                times.noted = monotonic()
            case _:
                await self._news[step]

    async def _post(self, path: str, body: bytes, expected: HTTPStatus) -> None:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        async with self.http.post(f"{self.replica}{BASE}{path}", data=body, headers=headers) as response:
            text = await response.read()
        self.requests += 1
        if response.status != expected:
            code = json.loads(text).get("code", "") if response.content_type.endswith("json") else ""
            raise GaveUp(f"{response.status} {code}".strip())

    # -- what the socket calls -------------------------------------------------------------------

    def _expect(self, *kinds: str) -> None:
        loop = asyncio.get_running_loop()
        self._news = {kind: loop.create_future() for kind in kinds}

    def _take(self, text: bytes) -> None:
        now, frame = monotonic(), json.loads(text)
        match kind := frame["type"]:
            case "state":
                self.times.connected = now
            case "match_found":
                self.times.found, self.match_id = now, frame["match_id"]
            case "match_ready":
                self.times.ready, self.session_id = now, frame["session_id"]
            case "match_expired" | "request_timeout":
                self._spoil(kind)
            case _:
                pass  # of no interest here
        if (waiting := self._news.get(kind)) is not None and not waiting.done():
            waiting.set_result(frame)

    def _lose(self, code: int) -> None:
        self._spoil(f"socket closed with {code}")

    def _spoil(self, why: str) -> None:
        for waiting in self._news.values():
            if not waiting.done():
                waiting.set_exception(GaveUp(why))
                waiting.exception()  # nobody may come to ask
