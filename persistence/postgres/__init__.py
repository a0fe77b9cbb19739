"""The truth.  Every write is one conditional statement, safe to repeat with the same ids.

:mod:`persistence.postgres.database` runs statements, :mod:`persistence.coalesce` lets
calls that wait at the same time share one.  The rest is SQL, one role per file.
"""
