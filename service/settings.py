"""Everything the environment may say, read once.

Nobody else asks the environment for anything.  ``Settings`` is what the service runs on.  ``ServerUrls`` is the three
addresses alone, for what must work while the rest is unknown: private servers and migrations.
"""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from domain.topic import normalise
from service import setting_values as values
from service.environment import (
    POSTGRES,
    RABBITMQ,
    REDIS,
    AmqpUrl,
    Blank,
    Environment,
    PostgresUrl,
    RedisUrl,
    ServerUrls,
)
from service.errors import SettingsInvalid

DEV_SECRET = "dev-only-secret-never-deploy-this-one-it-is-printed-in-the-source-code"  # noqa: S105  its text says what it is for
SHORTEST_SECRET_BYTES = 32  # RFC 7518, section 3.2: as long as the hash

_Required = BeforeValidator(values.required)
_HttpUrl = Annotated[str, AfterValidator(values.http_url)]
_List = (NoDecode, BeforeValidator(values.listed))
_Topics = Annotated[tuple[Annotated[str, AfterValidator(normalise)], ...], *_List]
_Origins = Annotated[tuple[Annotated[str, AfterValidator(values.origin)], ...], *_List]
_Name = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=64)]


class Settings(Environment):
    """What the service runs on. Every field is the variable of the same name in capitals."""

    database_url: Annotated[PostgresUrl, _Required] = Field(repr=False, description=POSTGRES)
    redis_url: Annotated[RedisUrl, _Required] = Field(repr=False, description=REDIS)
    rabbitmq_url: Annotated[AmqpUrl | None, Blank] = Field(None, repr=False, description=RABBITMQ)

    app_name: _Name = Field("peerprep-matching-service", description="The name in logs, documentation and /health")
    env: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$"), BeforeValidator(values.lower)] = Field(
        "dev", description="dev turns on the demo page, the sample secret and ./run token; anything else is strict"
    )
    host: str = Field("0.0.0.0", min_length=1, description="The address to listen on")  # noqa: S104  a container's default
    port: int = Field(8002, ge=0, le=65535, description="The port to listen on (0 to 65535; 0 takes a free one)")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(values.upper)] = (
        Field("INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL")
    )

    log_lines_per_second: int = Field(
        200, ge=1, le=1_000_000, description="Log lines of one action in a second; more are left out (1 to 1000000)"
    )

    question_service_url: Annotated[_HttpUrl | None, Blank] = Field(
        None, description="The Question Service; where empty and ENV=dev, a small built-in question bank serves"
    )
    question_service_base_path: Annotated[str, AfterValidator(values.base_path)] = Field(
        "/api/v1", description="What stands before /questions in its paths"
    )
    user_service_url: Annotated[_HttpUrl | None, Blank] = Field(
        None, description="The User Service; asked only with AUTH_VERIFY_REMOTE"
    )

    auth_algorithm: Annotated[Literal["HS256", "HS384", "HS512"], BeforeValidator(values.upper)] = Field(
        "HS256", description="How tokens are signed: HS256, HS384 or HS512"
    )
    auth_access_secret: SecretStr = Field(
        SecretStr(""), description="What tokens are signed with: 32 bytes or more; may be empty with ENV=dev only"
    )
    auth_issuer: Annotated[str | None, Blank] = Field(None, description="The iss a token must have; empty for any")
    auth_audience: Annotated[str | None, Blank] = Field(None, description="The aud a token must have; empty for any")
    auth_verify_remote: bool = Field(
        default=False, description="true: also ask the User Service whether the user still exists (needs its URL)"
    )
    auth_recheck_seconds: float = Field(
        900,
        ge=0.05,
        le=1_800,
        description="With AUTH_VERIFY_REMOTE, how often open WebSockets are asked about (0.05 to 1800)",
    )

    matching_timeout_seconds: float = Field(
        60, ge=0.05, le=86_400, description="How long a request waits for a partner (0.05 to 86400)"
    )
    confirm_match_timeout_seconds: float = Field(
        120, ge=0.05, le=86_400, description="How long both have to confirm a match (0.05 to 86400)"
    )
    confirm_answer_seconds: float = Field(
        5, ge=0, le=60, description="How long POST /confirm waits for the session before it answers 202 (0 to 60)"
    )
    outage_grace_seconds: float = Field(
        600, ge=0, le=86_400, description="How much of an outage people get back to confirm, at most (0 to 86400)"
    )
    session_budget_seconds: float = Field(
        60, ge=0.05, le=3_600, description="How long opening a session may take with all retries (0.05 to 3600)"
    )
    session_ttl_seconds: int = Field(
        86_400, ge=60, le=31_536_000, description="How long Redis keeps a session (60 to 31536000)"
    )
    topics: _Topics = Field((), description="The allowed topics, comma separated or a JSON list; empty for any")
    cors_origins: _Origins = Field(
        (), description="Origins of frontends in browsers, comma separated or a JSON list; * for any"
    )

    rate_limit: Annotated[str, AfterValidator(values.rate)] = Field(
        "600/minute", description="Requests a user may make, e.g. 600/minute; empty for no limit"
    )
    auth_failure_limit: Annotated[str, AfterValidator(values.rate)] = Field(
        "6000/minute", description="Requests without a good token from one network address; empty for no limit"
    )
    max_connections: int = Field(
        25_000,
        ge=1,
        le=1_000_000,
        description="Connections to this process, fewer where the system allows fewer open files (1 to 1000000)",
    )
    max_connections_per_address: int = Field(
        200, ge=1, le=1_000_000, description="Connections from one network address besides WebSockets (1 to 1000000)"
    )
    max_requests_in_flight: int = Field(
        1_000, ge=1, le=1_000_000, description="Requests being answered before newcomers get 503 (1 to 1000000)"
    )
    max_lag_seconds: float = Field(
        1, ge=0.01, le=3_600, description="How late this process may be before newcomers get 503 (0.01 to 3600)"
    )
    max_handshakes_per_second: int = Field(
        1_000, ge=1, le=1_000_000, description="WebSockets that may be opened in a second (1 to 1000000)"
    )
    max_buckets: int = Field(
        512, ge=1, le=100_000, description="Topic and difficulty pairs in use at once (1 to 100000)"
    )
    max_sockets: int = Field(20_000, ge=1, le=1_000_000, description="WebSockets of this process (1 to 1000000)")
    max_sockets_per_user: int = Field(5, ge=1, le=100, description="WebSockets of one user, the oldest goes (1 to 100)")
    max_sockets_per_address: int = Field(
        1_000, ge=1, le=1_000_000, description="WebSockets from one network address (1 to 1000000)"
    )
    mailbox_limit: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Messages an actor may have waiting before it answers 503 (1 to 1000000)",
    )
    bucket_idle_seconds: float = Field(
        60, ge=0.05, le=86_400, description="How long an empty bucket keeps its actor (0.05 to 86400)"
    )
    sweep_seconds: float = Field(
        1.0, ge=0.05, le=3_600, description="How often leftovers of crashed processes are looked for (0.05 to 3600)"
    )
    postgres_pool_size: int = Field(10, ge=1, le=1_000, description="Connections to PostgreSQL (1 to 1000)")
    retention_days: float = Field(
        30, gt=0, le=36_500, description="How long ended requests, matches and events are kept (above 0, to 36500)"
    )
    drain_seconds: float = Field(
        8, ge=0, le=600, description="How long a stop lets requests in flight finish (0 to 600)"
    )
    legacy_open_session_read: bool = Field(
        default=False,
        description="true: whoever knows a session's id may read its question and code, for old frontends",
    )
    legacy_session_key: bool = Field(
        default=False, description="true: also write the string key {session_id}, for an old Collaboration Service"
    )

    @field_validator("auth_access_secret")
    @classmethod
    def _secret_is_long_enough(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("env") == "dev":
            return secret if secret.get_secret_value() else SecretStr(DEV_SECRET)
        if len(secret.get_secret_value().encode()) < SHORTEST_SECRET_BYTES:
            raise ValueError(f"must be at least {SHORTEST_SECRET_BYTES} bytes unless ENV=dev")
        return secret

    @field_validator("question_service_url")
    @classmethod
    def _questions_come_from_somewhere(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None and info.data.get("env") not in (None, "dev"):
            raise ValueError("must be set unless ENV=dev")
        return url

    @field_validator("auth_verify_remote")
    @classmethod
    def _remote_has_an_address(cls, wanted: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  pydantic calls it
        if wanted and info.data.get("user_service_url") is None:
            raise ValueError("needs USER_SERVICE_URL")
        return wanted

    @property
    def database_dsn(self) -> str:
        """PostgreSQL's address as asyncpg wants it, whatever driver the URL names."""
        return values.without_driver(self.database_url)

    @property
    def is_dev(self) -> bool:
        return self.env == "dev"


_S = TypeVar("_S", bound=Environment)


def load_settings(**given: Any) -> Settings:
    """The settings of this process; *given* wins over the environment.

    Raises :class:`~service.errors.SettingsInvalid` naming every bad variable and what is allowed, never the value.
    """
    return _load(Settings, given)


def load_settings_before_servers(**given: Any) -> Settings:
    """The settings while servers may still be missing; a missing address is a placeholder that nobody may dial."""
    urls = load_server_urls()
    return load_settings(
        database_url=urls.database_url or "postgresql://not-started.invalid",
        redis_url=urls.redis_url or "redis://not-started.invalid",
        **given,
    )


def load_server_urls(**given: Any) -> ServerUrls:
    """The servers' addresses alone.  Raises ``SettingsInvalid`` like ``load_settings``."""
    return _load(ServerUrls, given)


def adopt(**urls: str | None) -> None:
    """Put addresses of private servers where this process and its children look for them."""
    os.environ.update({name.upper(): url for name, url in urls.items() if url is not None})


def _load(kind: type[_S], given: dict[str, Any]) -> _S:
    try:
        return kind(**given)
    except ValidationError as error:
        lines = [_explain(kind, problem["loc"], problem["msg"]) for problem in error.errors(include_input=False)]
        raise SettingsInvalid("The settings are not usable:\n" + "\n".join(dict.fromkeys(lines))) from None


def _explain(kind: type[Environment], place: tuple[int | str, ...], message: str) -> str:
    name = str(place[0])
    what = "is not set" if message == "Field required" else message.removeprefix("Value error, ").removeprefix("Input ")
    return f"  {name.upper()} {what}. ({kind.model_fields[name].description})"
