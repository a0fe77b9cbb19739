"""Looks at every replica's process each second, and at who is missing from the index."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
from redis.exceptions import RedisError

from tests.chaos.evidence import Absence, Notebook, Sample
from tests.chaos.resident import Resident
from tests.chaos.town import Town

EVERY_SECONDS: Final = 1.0
METRICS_SECONDS: Final = 1.0
NOT_SAID: Final = -1
"""What is sampled of a replica that does not answer."""
LONGEST_ABSENCE_SECONDS: Final = 5.0

_DEPTHS: Final = re.compile(r"^matching_mailbox_depth\{.*\} (\S+)$", re.MULTILINE)
_SOCKETS: Final = re.compile(r"^matching_sockets (\S+)$", re.MULTILINE)
_PENDING: Final = "SELECT id, user_id, bucket FROM match_requests WHERE status = 'pending' AND expires_at > now()"


class Watch:
    """Notes a sample of every replica each second, and every absence from the index that was too long."""

    def __init__(self, town: Town, notebook: Notebook) -> None:
        self._town = town
        self._notebook = notebook
        self.missing: dict[str, tuple[float, float]] = {}
        """Requests that were not in the index, with the first and the last such look of several in a row."""

    async def look_for_ever(self) -> None:
        """Look until cancelled."""
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=METRICS_SECONDS)) as http:
                while True:
                    began = time.monotonic()
                    samples = (self._sample(http, resident) for resident in self._town.residents)
                    await asyncio.gather(self.look(), *samples)
                    await asyncio.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - began)))
        finally:
            self.close()

    def close(self) -> None:
        """Write everything out."""
        self._found(set())
        self._notebook.close()

    # -- processes -------------------------------------------------------------------------------

    async def _sample(self, http: aiohttp.ClientSession, resident: Resident) -> None:
        pid = resident.pid
        if pid is None:
            return
        at, (depth, sockets) = time.time(), await _metrics(http, resident.url)
        with contextlib.suppress(OSError):  # it has ended meanwhile
            self._notebook.note(
                Sample(
                    at=at, replica=resident.number, pid=pid, rss_bytes=_rss(pid), descriptors=_descriptors(pid),
                    mailbox_depth=depth, sockets=sockets,
                )
            )  # fmt: skip

    # -- the index -------------------------------------------------------------------------------

    async def look(self) -> None:
        """See who is missing from the index."""
        if self._is_disturbed():
            self._found(set())
            return
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                missing = await self._ask_for_missing()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, RedisError):
            missing = set()
        self._found(set() if self._is_disturbed() else missing)

    def _is_disturbed(self) -> bool:
        """Whether somebody breaks a store, or everybody who could repair the index."""
        touched = self._town.touched
        replicas = [f"replica-{resident.number}" for resident in self._town.residents]
        return touched["postgres"] > 0 or touched["redis"] > 0 or all(touched[name] > 0 for name in replicas)

    async def _ask_for_missing(self) -> set[str]:
        async with self._town.database() as connection, self._town.index() as index:
            rows = await connection.fetch(_PENDING)
            pipe = index.pipeline(transaction=False)
            for row in rows:
                pipe.zscore(f"queue:{row['bucket']}", row["user_id"])
            scores = await pipe.execute(raise_on_error=False) if rows else []
        return {str(row["id"]) for row, score in zip(rows, scores, strict=True) if not isinstance(score, float)}

    def _found(self, missing: set[str]) -> None:
        """Take in what one look has found; whoever is not missing any more has been for as long as was seen."""
        now = time.time()
        for request_id in self.missing.keys() - missing:
            since, until = self.missing.pop(request_id)
            if until - since > LONGEST_ABSENCE_SECONDS:
                self._notebook.note(Absence(request_id=request_id, since=since, until=until))
        for request_id in missing:
            since, _ = self.missing.get(request_id, (now, now))
            self.missing[request_id] = since, now


async def _metrics(http: aiohttp.ClientSession, url: str) -> tuple[int, int]:
    """The depth of all mailboxes, and the open sockets."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        async with http.get(f"{url}/metrics") as answer:
            text = await answer.text()
            sockets = _SOCKETS.search(text)
            return sum(int(float(depth)) for depth in _DEPTHS.findall(text)), int(float(sockets[1])) if sockets else 0
    return NOT_SAID, NOT_SAID


def _rss(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
