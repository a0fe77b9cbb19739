"""How Alembic reaches the database: DATABASE_URL, asyncpg, one upgrade at a time."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from service.settings import load_server_urls

UPGRADE_LOCK = 0x6D617463  # "matc": any number that no other program on this database uses


def upgrade(connection: Connection) -> None:
    """Run the asked-for revisions in one transaction, waiting for whoever upgrades already."""
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": UPGRADE_LOCK})
        context.run_migrations()


async def main() -> None:
    """Connect, upgrade, commit."""
    url = load_server_urls().database_dsn.replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(main())
