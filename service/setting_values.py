"""How the text of a setting becomes a value; each raises ValueError with what is allowed."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

_DRIVER = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.\-\[\]:]+", re.IGNORECASE)
_RATE = re.compile(r"[1-9]\d*\s*(?:/|per)\s*(?:second|minute|hour|day)s?", re.IGNORECASE)


def blank_is_none(value: Any) -> Any:
    """An empty variable is a variable that is not set: compose files pass ``X=${X-}`` along."""
    return None if isinstance(value, str) and not value.strip() else value


def required(value: Any) -> Any:
    """The value, unless it is empty."""
    if blank_is_none(value) is None:
        raise ValueError("is not set")
    return value


def lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def upper(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def listed(value: Any) -> Any:
    """``a, b`` and ``["a", "b"]`` as a tuple; empty as an empty one."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return tuple(json.loads(value))
        except ValueError:
            raise ValueError("is not a valid JSON list") from None
    return tuple(item.strip() for item in value.split(",") if item.strip())


def postgres_url(value: str) -> str:
    if not _DRIVER.match(value):
        raise ValueError("must begin with postgresql:// (a driver like postgresql+psycopg:// is fine)")
    _require_host(value)
    return value


def without_driver(url: str) -> str:
    """The same URL as asyncpg wants it: ``postgresql://``."""
    return _DRIVER.sub("postgresql://", url, count=1)


def redis_url(value: str) -> str:
    url = _url(value, "redis", "rediss", "unix", "redis+cluster", "rediss+cluster")
    if "+cluster" in url.partition("://")[0] and urlsplit(url).path.strip("/") not in ("", "0"):
        raise ValueError("a Redis Cluster has no database but 0")
    return url


def amqp_url(value: str) -> str:
    return _url(value, "amqp", "amqps")


def http_url(value: str) -> str:
    """A base URL without its last slash."""
    return _url(value, "http", "https").rstrip("/")


def base_path(value: str) -> str:
    """``/api/v1`` however it was written; empty for none."""
    inner = value.strip().strip("/")
    return f"/{inner}" if inner else ""


def origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("each origin is https://host or http://host:port without a path, or * for any")
    return value.rstrip("/")


def rate(value: str) -> str:
    if value and not _RATE.fullmatch(value):
        raise ValueError("must look like 600/minute (second, minute, hour or day), or be empty for no limit")
    return value


def _url(value: str, *schemes: str) -> str:
    if urlsplit(value).scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not value.startswith("unix:"):
        _require_host(value)
    return value


def _require_host(value: str) -> None:
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        has_host = False
    if not has_host:
        raise ValueError("must name a host, and a port between 1 and 65535 if any")
