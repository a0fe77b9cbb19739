"""One person: calls, a socket that is opened again when it is lost, and two manners when a call is not answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import aiohttp

from tests.chaos.crash.account import Account, Answer
from tests.e2e.tokens import token_for
from tests.load import sockets
from web.paths import BASE, SOCKET

RETRY_SECONDS: Final = 0.05
"""A client's pause before it tries again: it would be longer in life, and so would be the recovery."""

POLL_SECONDS: Final = 0.2
GOODBYE_SECONDS: Final = 1.0
DIFFICULTY: Final = "easy"


class Unexpected(Exception):
    """An answer after which a person does not know how to go on."""


class Manner(StrEnum):
    """What a person does when no answer comes."""

    REPEATS = "repeats"
    """The same call again, until it is answered."""
    RELOADS = "reloads"
    """The page again: only what is not seen to be done is asked for again, so the service must go on by itself."""


class Balancer:
    """Where clients are sent: to one replica, and when it is gone to another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._turned = asyncio.Event()

    async def reach(self) -> str:
        """The replica's address, as soon as there is one."""
        while not self._url:
            self._turned.clear()
            await self._turned.wait()
        return self._url

    async def turned_from(self, url: str) -> None:
        """Returns when *url* is no longer the address."""
        while await self.reach() == url:
            self._turned.clear()
            await self._turned.wait()

    def turn_to(self, url: str) -> None:
        """From now on *url*; empty for nowhere."""
        self._url = url
        self._turned.set()


class User:
    """A person with a browser."""

    def __init__(
        self, user_id: str, *, topic: str, http: aiohttp.ClientSession, balancer: Balancer, manner: Manner, at: str = ""
    ) -> None:
        """*at* is the replica that holds the socket, if that is not for the balancer to say."""
        self.account = Account(user_id)
        self.topic = topic
        self._token = token_for(user_id)
        self._http = http
        self._balancer = balancer
        self._manner = manner
        self._at = at
        self._news = asyncio.Event()
        self._over = asyncio.Event()
        self._is_leaving = False
        self._staying = asyncio.create_task(self._stay_connected())

    async def close(self) -> None:
        """Hang up."""
        self._is_leaving = True
        self._over.set()
        await asyncio.wait({self._staying}, timeout=GOODBYE_SECONDS)
        self._staying.cancel()

    # -- the socket ------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        while not self._is_leaving:
            self._over.clear()
            address = self._at or await self._balancer.reach()
            try:
                socket = await sockets.connect(f"{address}{SOCKET}?token={self._token}", self._take, self._lose)
            except (sockets.Refused, OSError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                await self._over.wait()
            finally:
                socket.close()

    def _lose(self, code: int) -> None:
        self.account.closes.append(code)
        self._over.set()

    def _take(self, text: bytes) -> None:
        self.account.frames.append(json.loads(text))
        self._news.set()

    async def until(self, look: Callable[[Account], Any]) -> None:
        """Returns when what this person was told has come to what *look* wants."""
        while not look(self.account):
            self._news.clear()
            await self._news.wait()

    async def reload(self) -> None:
        """Open the page again; returns when it says where this person stands."""
        seen = len(self.account.of("state"))
        self._over.set()
        await self.until(lambda account: len(account.of("state")) > seen)

    # -- calls -----------------------------------------------------------------------------------

    async def call(self, name: str, method: str, path: str, body: object = None) -> Answer | None:
        """One call; None when it was not answered, or with a 5xx."""
        url = await self._balancer.reach()
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._http.request(method, f"{url}{BASE}{path}", json=body, headers=headers) as response:
                text = await response.read()
        except (aiohttp.ClientError, OSError):
            await self._balancer.turned_from(url)
            return None
        if response.status >= 500:
            await asyncio.sleep(RETRY_SECONDS)
            return None
        answer = Answer(name, response.status, json.loads(text))
        self.account.answers.append(answer)
        self._news.set()
        if not answer.is_expected:
            raise Unexpected(answer)
        return answer

    async def insist(
        self, name: str, method: str, path: str, body: object = None, *, done: Callable[[Account], object]
    ) -> None:
        """Call until it is answered, or, in the manner of who reloads, until *done* is seen."""
        while await self.call(name, method, path, body) is None:
            if self._manner is Manner.RELOADS:
                await self.reload()
                if done(self.account):
                    return

    # -- what a person wants ---------------------------------------------------------------------

    async def ask(self) -> None:
        """For a partner."""
        wish = {"difficulty": DIFFICULTY, "topic": self.topic}
        await self.insist("request", "POST", "/request", wish, done=lambda account: account.state["request"])

    async def cancel(self) -> None:
        """The request."""
        [request_id] = self.account.request_ids
        await self.insist(
            "cancel", "DELETE", f"/request/{request_id}", done=lambda account: not account.state["request"]
        )

    async def confirm(self) -> None:
        """The match."""
        await self._decide("confirm", yes=True, done=_has_confirmed)

    async def decline(self) -> None:
        """The match."""
        await self._decide("decline", yes=False, done=lambda account: not account.state["match"])

    async def _decide(self, name: str, *, yes: bool, done: Callable[[Account], object]) -> None:
        await self.until(lambda account: account.match_ids)
        for match_id in self.account.match_ids:  # one, or the judge will say so
            await self.insist(name, "POST", "/confirm", {"match_id": match_id, "confirmed": yes}, done=done)

    async def leave(self) -> None:
        """The session."""
        body = {"session_id": self.account.session_id}
        await self.insist("leave", "POST", "/sessions/leave", body, done=lambda account: not account.state["session"])

    async def read(self) -> None:
        """The session, as it can be read."""
        while await self.call("read", "GET", f"/session/{self.account.session_id}") is None:
            pass

    async def wait_for_time_out(self) -> None:
        """Ask how the search goes, until it is over."""
        while not any(body["status"] == "timeout" for body in self.account.answered("status", 200)):
            await asyncio.sleep(POLL_SECONDS)
            await self.call("status", "GET", f"/requests/{next(iter(self.account.request_ids))}/status")


def _has_confirmed(account: Account) -> bool:
    state = account.state
    return bool(state["session"] or not state["match"] or state["match"]["you_confirmed"])
