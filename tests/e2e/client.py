"""One user: calls, sockets, and what came over them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count, cycle
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.e2e.replica import Replica
from tests.e2e.tokens import token_for
from tests.e2e.waiting import PATIENCE_SECONDS, until

BASE = "/api/v1/matching"
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def expect(self, status: int) -> Any:
        """The body, of an answer that must have this status."""
        assert self.status == status, (self.status, self.raw)
        return self.body


class Tab:
    """One socket; every frame is kept in ``frames``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self._taken: Counter[str] = Counter()
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            self.frames.append(json.loads(message.data))
            self._news.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All frames of this type so far."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def frame(self, kind: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The next frame of this type that was not asked for yet."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.of(kind)) <= self._taken[kind]:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind} within {seconds} s; there came {self.frames}") from None
        self._taken[kind] += 1
        return self.of(kind)[self._taken[kind] - 1]

    async def closed(self, *, seconds: float = PATIENCE_SECONDS) -> int | None:
        """The close code, once the server has closed."""
        await asyncio.wait_for(asyncio.shield(self._reader), seconds)
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


class Client:
    """A user who talks to the replicas in turn."""

    def __init__(self, http: aiohttp.ClientSession, user_id: str, *replicas: Replica) -> None:
        self.user_id = user_id
        self.token = token_for(user_id)
        self.tabs: list[Tab] = []
        self._http = http
        self._replicas = cycle(replicas)

    # -- REST ------------------------------------------------------------------------------------

    async def call(
        self, method: str, path: str, body: object = None, *, at: Replica | None = None, **options: Any
    ) -> Answer:
        """One call with the user's token, answered by *at* or whoever's turn it is."""
        replica = at or next(self._replicas)
        if body is not None:
            options["json"] = body
        options.setdefault("headers", {"Authorization": f"Bearer {self.token}"})
        async with self._http.request(method, f"{replica.url}{BASE}{path}", **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def insist(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to *ask*, asked again while the replica is too busy, as its 503 says."""
        answers: list[Answer] = []

        async def is_answered() -> bool:
            answers.append(await ask())
            return answers[-1].status != 503

        await until(is_answered)
        return answers[-1]

    async def find(self, topic: str, difficulty: str = "easy", *, at: Replica | None = None) -> Answer:
        return await self.call("POST", "/request", {"difficulty": difficulty, "topic": topic}, at=at)

    async def request_status(self, request_id: str) -> Answer:
        return await self.call("GET", f"/requests/{request_id}/status")

    async def cancel(self, request_id: str) -> Answer:
        return await self.call("DELETE", f"/request/{request_id}")

    async def confirm(self, match_id: str, *, yes: bool = True, at: Replica | None = None) -> Answer:
        return await self.call("POST", "/confirm", {"match_id": match_id, "confirmed": yes}, at=at)

    async def decline(self, match_id: str) -> Answer:
        return await self.confirm(match_id, yes=False)

    async def match_status(self, match_id: str) -> Answer:
        return await self.call("GET", f"/{match_id}/status")

    async def active(self) -> Answer:
        return await self.call("GET", "/sessions/active")

    async def session(self, session_id: str) -> Answer:
        return await self.call("GET", f"/session/{session_id}")

    async def leave(self, session_id: str) -> Answer:
        return await self.call("POST", "/sessions/leave", {"session_id": session_id})

    async def matched(self, request_id: str, *, seconds: float = PATIENCE_SECONDS) -> str:
        """The match of a request, found out by asking."""

        async def look() -> str:
            status = (await self.request_status(request_id)).expect(200)
            return str(status.get("match_id", ""))

        match_id: str = await until(look, seconds=seconds)
        return match_id

    # -- the socket ------------------------------------------------------------------------------

    async def connect(self, at: Replica | None = None, **options: Any) -> Tab:
        """Open one more socket."""
        replica = at or next(self._replicas)
        options.setdefault("params", {"token": self.token})
        self.tabs.append(Tab(await self._http.ws_connect(f"{replica.url}{BASE}/ws", **options)))
        return self.tabs[-1]

    async def reload(self, at: Replica | None = None) -> dict[str, Any]:
        """Close every socket, open a new one: what its ``state`` frame says."""
        await self.disconnect()
        return await (await self.connect(at)).frame("state")

    async def frame(self, kind: str, *, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The next frame of this type on the newest socket."""
        return await self.tabs[-1].frame(kind, seconds=seconds)

    async def disconnect(self) -> None:
        tabs, self.tabs = self.tabs, []
        await asyncio.gather(*(tab.close() for tab in tabs))


class Crowd:
    """Users whose names nobody had before."""

    def __init__(self, *replicas: Replica, connector: aiohttp.BaseConnector | None = None) -> None:
        self.replicas = replicas
        self.users: list[Client] = []
        self.http = aiohttp.ClientSession(
            connector=connector or aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
        )

    def user(self, name: str = "user", *at: Replica) -> Client:
        """A new user, who talks to *at*, or to all replicas in turn."""
        client = Client(self.http, f"{name}-{next(_numbers)}", *(at or self.replicas))
        self.users.append(client)
        return client

    async def connected(self, name: str = "user", *at: Replica) -> Client:
        """A new user with an open socket, greeted."""
        client = self.user(name, *at)
        await client.connect()
        await client.frame("state")
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(user.disconnect() for user in self.users))
        await self.http.close()
