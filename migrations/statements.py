"""Running SQL statements one by one: asyncpg takes a single one per prepared call."""

from __future__ import annotations

from alembic import op


def run(*statements: str) -> None:
    """Execute *statements* in order."""
    for statement in statements:
        op.execute(statement)
