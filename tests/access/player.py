"""One of a thousand: does what comes to mind, and keeps every frame."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from tests.e2e.tokens import token_for
from tests.e2e.waiting import until
from tests.load import sockets
from web.paths import BASE, SOCKET

EXPECTED: Final = frozenset({200, 201, 202, 404, 409, 503})
"""Whatever a user does, an answer is one of these."""

SEEN: Final = 200
"""So many ids of others are known, and tried."""


@dataclass(slots=True)
class Town:
    """What all players share."""

    replicas: Sequence[str]
    topics: Sequence[str]
    http: aiohttp.ClientSession
    handshakes: asyncio.Semaphore
    gossip: list[str] = field(default_factory=list)
    """Matches and requests that were heard of: anybody may try them."""
    oddities: list[str] = field(default_factory=list)
    """Answers that nobody should get."""


class Player:
    """A user with one or two sockets, who answers news as the dice say."""

    def __init__(self, number: int, seed: int, town: Town) -> None:
        self.user_id = f"player-{seed}-{number}"
        self.frames: list[dict[str, Any]] = []
        self._number = number
        self._token = token_for(self.user_id)
        self._dice = random.Random(f"{seed} {number}")
        self._town = town
        self._sockets: list[sockets.Socket] = []
        self._news = asyncio.Event()
        self._now: dict[str, str] = {}
        """The newest request, match and session, by the name of their id."""

    # -- sockets ---------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Open one more socket, wherever; again while the replica has no seat."""

        async def try_once() -> bool:
            url = f"{self._dice.choice(self._town.replicas)}{SOCKET}?token={self._token}"
            with contextlib.suppress(sockets.Refused):
                async with self._town.handshakes:
                    self._sockets.append(await sockets.connect(url, self._take, lambda _: None))
                return True
            return False

        await until(try_once)

    def hang_up(self) -> None:
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    def _take(self, text: bytes) -> None:
        frame = json.loads(text)
        self.frames.append(frame)
        self._now |= {name: one for name, one in frame.items() if name in ("match_id", "session_id", "request_id")}
        if len(self._town.gossip) < SEEN:
            self._town.gossip += [one for name, one in frame.items() if name in ("match_id", "session_id")]
        self._news.set()

    # -- acting ----------------------------------------------------------------------------------

    async def play(self, moves: int, until_when: float) -> None:
        """Make so many moves, as long as there is time; after each, wait a little for news."""
        clock = asyncio.get_running_loop().time
        for _ in range(moves):
            if clock() > until_when:
                return
            self._news.clear()
            await self._move()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._dice.uniform(0.1, 2.0))

    async def _move(self) -> None:
        """What one does with what one has: mostly the sensible thing."""
        if self._dice.random() < 0.1:
            await self._meddle()
        elif self._dice.random() < 0.1:
            self.hang_up()
            await self.connect()
        elif match_id := self._now.pop("match_id", None):
            await self._answer(match_id)
        elif session_id := self._now.pop("session_id", None):
            await self._call("POST", "/sessions/leave", {"session_id": session_id})
        else:
            await self._search()

    async def _search(self) -> None:
        request_id = self._now.get("request_id")
        if request_id and self._dice.random() < 0.2:
            await self._call("DELETE", f"/request/{request_id}")
            return
        lonely = self._dice.random() < 0.1
        topic = f"{self._town.topics[0]} {self._number % 400}" if lonely else self._dice.choice(self._town.topics)
        difficulty = "hard" if lonely else self._dice.choice(["easy", "Medium"])
        answer = await self._call("POST", "/request", {"difficulty": difficulty, "topic": topic})
        if request_id := answer.get("id"):
            self._now["request_id"] = request_id

    async def _answer(self, match_id: str) -> None:
        match self._dice.choices(["yes", "no", "silence"], [0.8, 0.1, 0.1])[0]:
            case "yes":
                await self._call("POST", "/confirm", {"match_id": match_id, "confirmed": True})
            case "no":
                await self._call("POST", "/confirm", {"match_id": match_id, "confirmed": False})
            case _:
                await self._call("GET", f"/{match_id}/status")

    async def _meddle(self) -> None:
        """Try what is, most likely, somebody else's."""
        if not self._town.gossip:
            return
        one = self._dice.choice(self._town.gossip)
        await self._call("POST", "/confirm", {"match_id": one, "confirmed": self._dice.random() < 0.5})
        await self._call("POST", "/sessions/leave", {"session_id": one})

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        url, headers = (
            f"{self._dice.choice(self._town.replicas)}{BASE}{path}",
            {"Authorization": f"Bearer {self._token}"},
        )
        async with self._town.http.request(method, url, json=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
        if response.status not in EXPECTED:
            self._town.oddities.append(f"{method} {path}: {response.status} {answer.get('code')}")
        return answer
