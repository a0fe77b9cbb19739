"""How the application is put on a port."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

SETTINGS: Final[dict[str, Any]] = {
    "access_log": None,  # it would print ?token=...; the middleware writes its own line
    "auto_decompress": False,  # compressed bodies are refused, not unpacked
    "keepalive_timeout": 15,  # also what a client gets to send its headers
    "lingering_time": 2,  # for the rest of a body that was refused
}


def make_runner(app: web.Application, *, drain_seconds: float) -> web.AppRunner:
    """A runner for *app* that gives requests in flight *drain_seconds* to finish."""
    return web.AppRunner(app, shutdown_timeout=drain_seconds, **SETTINGS)
