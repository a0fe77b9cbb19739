"""``./run doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aio_pika
import aiohttp
import asyncpg
import redis.asyncio
import redis.exceptions
import typer

from persistence.redis.cluster import is_cluster, node_url
from service.embedded import postgres, rabbitmq, valkey
from service.embedded.datadir import DataDir
from service.errors import SettingsInvalid, StartFailed
from service.logs import configure, hidden_text
from service.migrating import newest_revision
from service.settings import SHORTEST_SECRET_BYTES, Settings, adopt, load_server_urls, load_settings_before_servers

PATIENCE_SECONDS = 3.0
WORRYING_SKEW_SECONDS = 5.0
OLDEST_REDIS = 7


class Verdict(enum.StrEnum):
    """What a line begins with."""

    OK = "ok  "
    NOTE = "note"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's."""

    verdict: Verdict
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict}  {self.what:<17} {self.text}"


def examine(data_dir: Path) -> int:
    """Print a line for each thing the service needs; 1 where something required fails, else 0."""
    configure(level="CRITICAL", pretty=True)  # the libraries' own complaints would stand between the lines
    try:
        _use_running_servers(data_dir)
        settings = load_settings_before_servers()
    except SettingsInvalid as error:
        typer.echo(Finding(Verdict.FAIL, "settings", str(error)))
        return 1
    findings = asyncio.run(_examine(settings))
    for finding in findings:
        typer.echo(finding)
    return 1 if any(finding.verdict is Verdict.FAIL for finding in findings) else 0


def _use_running_servers(data_dir: Path) -> None:
    """Look at the private servers of a ./run next door, where the environment names no others."""
    given = load_server_urls().model_dump()
    private = {name.lower(): url for name, url in DataDir(data_dir).running_urls().items()}
    adopt(**{name: private.get(name) for name, url in given.items() if url is None})


async def _examine(settings: Settings) -> list[Finding]:
    urls = load_server_urls()
    checks: list[Awaitable[Finding]] = [
        _settings(settings),
        _postgres(urls.database_dsn)
        if urls.database_url
        else _private("PostgreSQL", "DATABASE_URL", postgres.find_binaries),
        _redis(urls.redis_url) if urls.redis_url else _private("Redis", "REDIS_URL", valkey.find_binary),
        _rabbitmq(urls.rabbitmq_url, is_dev=settings.is_dev),
        _questions(settings),
        _users(settings),
    ]
    return list(await asyncio.gather(*checks))


async def _settings(settings: Settings) -> Finding:
    short = len(settings.auth_access_secret.get_secret_value().encode()) < SHORTEST_SECRET_BYTES
    if short:
        return Finding(
            Verdict.NOTE,
            "settings",
            f"AUTH_ACCESS_SECRET is short: only ENV=dev starts with fewer than {SHORTEST_SECRET_BYTES} bytes",
        )
    return Finding(Verdict.OK, "settings", f"ENV={settings.env}, port {settings.port}")


async def _private(what: str, setting: str, find: Callable[[], Path]) -> Finding:
    try:
        find()
    except StartFailed as error:
        return Finding(Verdict.FAIL, what, str(error))
    return Finding(Verdict.OK, what, f"{setting} is not set: ./run starts a private one")


async def _postgres(dsn: str) -> Finding:
    try:
        connection = await asyncpg.connect(dsn, timeout=PATIENCE_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return Finding(
            Verdict.FAIL, "PostgreSQL", f"cannot be used: {_why(error)}. Is it running, and DATABASE_URL right?"
        )
    try:
        asked_at = time.time()
        now: float = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        skew = abs(now - (asked_at + time.time()) / 2)
        has_table = await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        revision = await connection.fetchval("SELECT version_num FROM alembic_version") if has_table else None
    finally:
        await connection.close(timeout=PATIENCE_SECONDS)
    if revision != newest_revision():
        return Finding(Verdict.FAIL, "PostgreSQL", f"is at revision {revision}, not {newest_revision()}: ./run migrate")
    if skew > WORRYING_SKEW_SECONDS:
        return Finding(
            Verdict.FAIL,
            "PostgreSQL",
            f"its clock differs from this machine's by {skew:.1f} s: check time synchronisation",
        )
    return Finding(Verdict.OK, "PostgreSQL", f"reachable, migrated, clocks {skew * 1000:.0f} ms apart")


async def _redis(url: str) -> Finding:
    client = redis.asyncio.Redis.from_url(
        node_url(url), socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
    )
    try:
        about = await client.info("server")
        cluster = await client.execute_command("CLUSTER INFO") if is_cluster(url) else {}  # type: ignore[no-untyped-call]
    except (OSError, redis.exceptions.RedisError) as error:
        return Finding(Verdict.FAIL, "Redis", f"cannot be used: {_why(error)}. Is it running, and REDIS_URL right?")
    finally:
        await client.aclose()
    if cluster.get("cluster_state", "ok") != "ok":
        return Finding(Verdict.FAIL, "Redis", "its cluster lacks masters: CLUSTER INFO says cluster_state:fail")
    version = str(about.get("valkey_version") or about["redis_version"])
    if int(str(about["redis_version"]).split(".")[0]) < OLDEST_REDIS:
        return Finding(Verdict.FAIL, "Redis", f"is version {version}: {OLDEST_REDIS} or newer is needed")
    return Finding(Verdict.OK, "Redis", f"reachable, version {version}")


async def _rabbitmq(url: str | None, *, is_dev: bool) -> Finding:
    if url is None:
        installed = rabbitmq.find_scripts() is not None
        text = "RABBITMQ_URL is not set: ./run starts a private one" if installed else rabbitmq.ABSENT
        return Finding(Verdict.OK if installed else Verdict.NOTE, "RabbitMQ", text)
    try:
        connection = await aio_pika.connect(url, timeout=PATIENCE_SECONDS)
    except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
        # A private broker takes seconds to start; nothing is lost meanwhile.
        text = f"cannot be used: {_why(error)}. Events wait in the outbox: is it running, and RABBITMQ_URL right?"
        return Finding(Verdict.NOTE if is_dev else Verdict.FAIL, "RabbitMQ", text)
    await connection.close()
    return Finding(Verdict.OK, "RabbitMQ", "reachable")


async def _questions(settings: Settings) -> Finding:
    what = "Question Service"
    if settings.question_service_url is None:
        text = "QUESTION_SERVICE_URL is not set: " + (
            "the built-in questions serve" if settings.is_dev else "no session can open"
        )
        return Finding(Verdict.NOTE if settings.is_dev else Verdict.FAIL, what, text)
    path = f"{settings.question_service_base_path}/questions/filter/topics-difficulty?difficulty=easy&topics=Array"
    problem = await _problem_with(settings.question_service_url + path, wanted=200)
    return Finding(Verdict.FAIL if problem else Verdict.OK, what, problem or "reachable, answers with questions")


async def _users(settings: Settings) -> Finding:
    what = "User Service"
    if not settings.auth_verify_remote or settings.user_service_url is None:
        return Finding(Verdict.OK, what, "not asked: tokens are verified here (AUTH_VERIFY_REMOTE=false)")
    problem = await _problem_with(f"{settings.user_service_url}/users/me", wanted=401)
    return Finding(
        Verdict.FAIL if problem else Verdict.OK, what, problem or "reachable, refuses a caller without a token"
    )


async def _problem_with(url: str, *, wanted: int) -> str | None:
    """What is wrong with a neighbour, or None."""
    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=patience) as http, http.get(url, allow_redirects=False) as answer:
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        return f"cannot be reached: {_why(error)}. Is it running, and its URL right?"
    return None if status == wanted else f"answers {status} instead of {wanted} at {url}"


def _why(error: BaseException) -> str:
    return hidden_text(str(error) or type(error).__name__)
