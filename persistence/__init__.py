"""What survives us: PostgreSQL, the truth, and Redis, the index.

:mod:`persistence.reads` is the read side over both.
"""
