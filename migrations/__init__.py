"""The tables, revision by revision: ``alembic upgrade head``, ``history``, ``downgrade -1``."""
