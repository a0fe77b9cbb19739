"""How the environment is read, and the three addresses that are needed before everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from service import setting_values as values
from service.errors import SettingsInvalid

_SECRET_FILES = Path("/run/secrets")

Blank = BeforeValidator(values.blank_is_none)
PostgresUrl = Annotated[str, AfterValidator(values.postgres_url)]
RedisUrl = Annotated[str, AfterValidator(values.redis_url)]
AmqpUrl = Annotated[str, AfterValidator(values.amqp_url)]


class Environment(BaseSettings):
    """Variables, a file ``.env``, and a file each below /run/secrets; the first that names a value counts."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        secrets_dir=_SECRET_FILES if _SECRET_FILES.is_dir() else None,
        validate_default=True,
    )


POSTGRES = "PostgreSQL, the truth; ./run brings its own where this is empty"
REDIS = "Redis 7 or newer, the index (redis+cluster:// for a Redis Cluster); ./run brings its own where this is empty"
RABBITMQ = "RabbitMQ; where empty, events wait in the outbox until there is one"


class ServerUrls(Environment):
    """Which servers are given; None for one that is not."""

    database_url: Annotated[PostgresUrl | None, Blank] = Field(None, repr=False, description=POSTGRES)
    redis_url: Annotated[RedisUrl | None, Blank] = Field(None, repr=False, description=REDIS)
    rabbitmq_url: Annotated[AmqpUrl | None, Blank] = Field(None, repr=False, description=RABBITMQ)

    @property
    def database_dsn(self) -> str:
        """PostgreSQL's address as asyncpg wants it.  Raises SettingsInvalid where none is given."""
        if self.database_url is None:
            raise SettingsInvalid("DATABASE_URL is not set: give postgresql://user:password@host:5432/matching_db.")
        return values.without_driver(self.database_url)
