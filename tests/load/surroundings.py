"""Where a figure was measured: machine, versions, settings."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import asyncpg
import redis.asyncio

from service.settings import Settings
from service.version import VERSION

PACKAGES = ("aiohttp", "aio-pika", "asyncpg", "pydantic", "pykka", "redis", "structlog", "uvloop")
PROJECT = Path(__file__).resolve().parents[2]
_SECRET = {"auth_access_secret", "database_url", "redis_url", "rabbitmq_url"}


def machine() -> dict[str, str | float]:
    """The machine, and how busy it was already."""
    return {
        "system": platform.platform(),
        "processor": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 0,
        "memory": _line("/proc/meminfo", "MemTotal"),
        "load_average_before": os.getloadavg()[0],
    }


def command_line() -> str:
    """What to type to measure the same again."""
    return shlex.join(["./run", "load", *sys.argv[1:]])


def settings_given() -> dict[str, str]:
    """The settings that the environment changes, secrets hidden."""
    return {
        name.upper(): "***" if name in _SECRET else os.environ[name.upper()]
        for name in Settings.model_fields
        if name.upper() in os.environ
    }


def versions() -> dict[str, str]:
    """Ours, Python's and the libraries'."""
    found = {"matching-service": f"{VERSION} {_commit()}".strip(), "python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


async def server_versions(database_url: str, redis_url: str) -> dict[str, str]:
    """What the stores say of themselves."""
    connection = await asyncpg.connect(database_url)
    try:
        postgres = await connection.fetchval("SHOW server_version")
    finally:
        await connection.close()
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        told = await client.info("server")
    name = told.get("server_name", "redis")
    return {"postgresql": str(postgres), str(name): str(told.get(f"{name}_version", told["redis_version"]))}


def _commit() -> str:
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=PROJECT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()


def _line(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
