"""Bringing the database's schema up to date."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy.exc
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from service.errors import StartFailed
from service.logs import hidden_text

PROJECT = Path(__file__).resolve().parents[1]


def alembic_config() -> Config:
    """Alembic as ``alembic`` in the project's root would see it."""
    return Config(toml_file=str(PROJECT / "pyproject.toml"))


def migrate() -> None:
    """Upgrade DATABASE_URL to the newest schema; safe to call from several processes at once.

    Raises :class:`~service.errors.StartFailed` where the database cannot be reached or the upgrade fails.
    """
    try:
        command.upgrade(alembic_config(), "head")
    except OSError as error:
        raise StartFailed(f"PostgreSQL does not answer at DATABASE_URL: {hidden_text(str(error))}.") from error
    except (sqlalchemy.exc.SQLAlchemyError, CommandError) as error:
        raise StartFailed(f"The database could not be migrated: {hidden_text(str(error))}") from error


def newest_revision() -> str | None:
    """The revision that this version of the service works on."""
    return ScriptDirectory.from_config(alembic_config()).get_current_head()
