"""A generator process: reads shifts from stdin, plays them, writes progress and tallies to stdout."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from dataclasses import asdict
from time import monotonic
from typing import Any, Final

import aiohttp
import uvloop

from service.settings import Settings, load_settings_before_servers
from service.tokens import sign_token
from tests.load.busy import Busy
from tests.load.shift import Shift, Tally
from tests.load.user import Times, User

TELL_SECONDS: Final = 0.2
TOKEN_SECONDS: Final = 3600


async def play(shift: Shift, settings: Settings) -> Tally:
    """Let everyone arrive at the intended moment, and wait for the last to finish."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # users have their own patience
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding"),
    ) as http:
        pairs = _pairs(shift, settings, http)  # tokens are signed before the clock runs
        gc.freeze()
        users = [user for pair in pairs for user in pair]
        telling = asyncio.create_task(_tell(users))
        busy = Busy()
        async with asyncio.TaskGroup() as crowd:
            for pair in pairs:
                await _until(pair[0].times.arrived)
                for user in pair:
                    crowd.create_task(_arrive(user))
        telling.cancel()
        share = busy.share()  # adding up comes after the clock
        tally = Tally.of(users, monotonic())
        tally.busy = share
        return tally


def _pairs(shift: Shift, settings: Settings, http: aiohttp.ClientSession) -> list[tuple[User, User]]:
    pairs = []
    for number, moment in enumerate(shift.arrivals()):
        difficulty, topic = shift.buckets[number % len(shift.buckets)]
        wish = json.dumps({"difficulty": difficulty, "topic": topic}).encode()

        def user(seat: int, number: int = number, moment: float = moment, wish: bytes = wish) -> User:
            token = sign_token(settings, f"{shift.name}-{number}-{seat}", lifetime_seconds=TOKEN_SECONDS)
            replica = shift.replicas[(number + seat) % len(shift.replicas)]
            return User(token=token, wish=wish, replica=replica, http=http, times=Times(moment + seat * shift.gap))

        pairs.append((user(0), user(1)))
    return pairs


async def _arrive(user: User) -> None:
    await _until(user.times.arrived)
    await user.play()


async def _until(moment: float) -> None:
    left = moment - monotonic()
    if left > 0:
        await asyncio.sleep(left)


async def _tell(users: list[User]) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        say({"progress": sum(1 for user in users if user.times.ready or user.error)})


def say(message: dict[str, Any]) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def work() -> None:
    """Play one shift after the other until there is no more."""
    settings = load_settings_before_servers()
    say({"up": True})
    while line := await asyncio.to_thread(sys.stdin.readline):
        tally = await play(Shift(**json.loads(line)), settings)
        say({"tally": tally.as_json()})


def line_of(shift: Shift) -> bytes:
    """A shift as a line of stdin."""
    return json.dumps(asdict(shift)).encode() + b"\n"


if __name__ == "__main__":
    uvloop.run(work())
