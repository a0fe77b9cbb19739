"""Logs: one JSON object a line on stderr, coloured text for a developer's terminal.

A line is a short sentence for people and an ``action`` to search by:
``log.info("matched", action="match_found", match_id=...)``.  docs/operations.md lists every action.  What is
bound to the context (request_id and user_id of an HTTP request) is added to every line; secrets are taken out
of every line, whoever wrote it, tracebacks included.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.log_limit import LineLimit
from service.settings import Settings

HIDDEN = "***"
_SECRET_KEY = re.compile(
    r"(?:token|authorization|password|passwd|secret|dsn|cookie|database_url|redis_url|rabbitmq_url)$", re.IGNORECASE
)
_SECRET_TEXT = (
    (re.compile(r"eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),  # a JWT
    (re.compile(r"(?<=://)[^/@\s]+(?=@)"), HIDDEN),  # user:password@ of a URL
    (re.compile(r"(?i)(\bbearer[ ,]+)[^\s'\",]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)([?&](?:access_)?token=)[^&\s'\"]+"), rf"\1{HIDDEN}"),
)
_SUSPECT = ("eyj", "://", "bearer", "token", "authorization", "passw", "secret", "dsn", "cookie", "_url")
"""Of these a line holds one, in lower case, when one of the patterns above finds anything in it."""
# Libraries that would repeat what we say ourselves, or put query strings into the log.
_QUIET = ("aiohttp.access", "alembic", "asyncio", "asyncpg", "pykka", "sqlalchemy")
# A line for every handshake that offers subprotocols of others, with whatever the client wrote there.
_ERRORS_ONLY = ("aiohttp.websocket",)
# Each failed connection is a line of our own already, with its reason and without a traceback.
_SILENT = ("aio_pika", "aiormq")


_JSON = json.JSONEncoder(ensure_ascii=False)


class Stderr:
    """Where our own lines go, whatever stderr is by then: the way through the standard library costs as much again."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def named(cls, *name: str) -> Stderr:
        """For a logger of this *name*, or of the module that asks for one."""
        return cls(_NAMES(*name).name)

    def write(self, line: str) -> None:
        """Write one line, if anybody can still read it."""
        stderr = sys.stderr  # None where it was closed before the start
        if stderr is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                stderr.write(line + "\n")

    debug = info = warning = error = critical = write


_NAMES = structlog.stdlib.LoggerFactory(ignore_frame_names=["service.logs"])


def configure_logs(settings: Settings) -> LineLimit:
    """Route structlog and the standard library's logging to stderr, for the whole process; returns what limits it."""
    limit = LineLimit(settings.log_lines_per_second)
    configure(level=settings.log_level, pretty=settings.is_dev and sys.stderr.isatty(), limit=limit)
    return limit


def configure(*, level: str, pretty: bool, limit: LineLimit | None = None) -> None:
    """The same with the choice made: *pretty* for people, else JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last = _last_steps(pretty=pretty)
    structlog.configure(
        processors=[*shared, *([limit.of_ours] if limit else []), *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=Stderr.named,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[without_meta, *last])
    )
    if limit is not None:
        handler.addFilter(limit)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _ERRORS_ONLY:
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)
    # What no line of ours says need not be found out, says the logging documentation ("Optimization").
    logging._srcfile = None  # noqa: SLF001
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def _last_steps(*, pretty: bool) -> list[Processor]:
    """From an event to a line: the traceback becomes text or fields before secrets are hidden."""
    if pretty:
        console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        return [structlog.processors.format_exc_info, hide_secrets, console]
    # Local variables hold tokens and DSNs: never in a traceback.
    as_fields = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
    return [as_fields, _as_json]


def _as_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """A line without secrets.  Few lines can hold any: only those are gone through field by field."""
    try:
        line = _JSON.encode(event)
    except (TypeError, ValueError, RecursionError):  # not made for JSON
        line = None
    if line is None or _is_suspect(line):
        line = _JSON.encode(hide_secrets(logger, method, event))
    return line


def _is_suspect(text: str) -> bool:
    lower = text.lower()
    return any(sign in lower for sign in _SUSPECT)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The event without tokens, passwords and credentials in URLs, at any depth."""
    return {key: _hidden(key, value) for key, value in event.items()}


def _hidden(key: object, value: Any) -> Any:
    if isinstance(key, str) and _SECRET_KEY.search(key):
        return HIDDEN
    match value:
        case str():
            return hidden_text(value)
        case Mapping():
            return {_text(inner): _hidden(inner, item) for inner, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hidden(None, item) for item in value]
        case None | bool() | int() | float():
            return value
        case _:
            return hidden_text(_text(value))


def _text(value: object) -> str:
    """*value* as text: a line is no place to fail at."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever it is
        return f"<{type(value).__name__}>"


def hidden_text(text: str) -> str:
    """The text with whatever looks like a secret replaced."""
    if not _is_suspect(text):
        return text
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text
