"""The replica under attack, and what it leans on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from service.embedded.databases import fresh_database
from tests.e2e.neighbours import QuestionService
from tests.e2e.replica import Replica, running

# Whatever the noise begins is over soon, so that what is left behind shows.
_HASTE = {
    "MATCHING_TIMEOUT_SECONDS": "2",
    "CONFIRM_MATCH_TIMEOUT_SECONDS": "2",
    "BUCKET_IDLE_SECONDS": "0.5",
    "MAX_SOCKETS_PER_ADDRESS": "2000",
    "AUTH_FAILURE_LIMIT": "",  # or else most of it would get no further
    "CORS_ORIGINS": "https://app.example.com",
}


@contextlib.asynccontextmanager
async def besieged(folder: Path, *, postgres_url: str, redis_url: str) -> AsyncIterator[Replica]:
    """One replica with a database of its own and a Question Service that works."""
    async with QuestionService() as questions, fresh_database(postgres_url) as database_url:
        where = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "QUESTION_SERVICE_URL": questions.url}
        async with running(Replica(folder, **where, **_HASTE)) as (replica,):
            yield replica
