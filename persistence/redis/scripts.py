"""The Lua scripts, one verb per file."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from persistence.redis.lines import Client


class Script:
    """The script ``lua/NAME.lua``, called by its hash, and by its text when Redis has forgotten it."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._text = (Path(__file__).parent / "lua" / f"{name}.lua").read_bytes()
        self._hash = hashlib.sha1(self._text).hexdigest()  # noqa: S324 - how Redis calls scripts

    async def __call__(self, key: str, arguments: Iterable[Any]) -> Any:
        """What it returns for *key*, the one that it touches."""
        return await self._by(self._client.execute_command, key, arguments)

    async def at_leisure(self, key: str, arguments: Iterable[Any]) -> Any:
        """The same where nobody waits for it."""
        return await self._by(self._client.at_leisure, key, arguments)

    async def _by(self, send: Callable[..., Awaitable[Any]], key: str, arguments: Iterable[Any]) -> Any:
        rest = (1, key, *arguments)
        try:
            return await send("EVALSHA", self._hash, *rest)
        except NoScriptError:
            return await send("EVAL", self._text, *rest)
