"""The Lua scripts, one verb per file."""

from __future__ import annotations

from pathlib import Path

from redis.asyncio import Redis
from redis.commands.core import AsyncScript


def script(client: Redis, name: str) -> AsyncScript:
    """The script ``lua/NAME.lua``, called by its hash and loaded again when Redis has forgotten it."""
    source = (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return client.register_script(source)
