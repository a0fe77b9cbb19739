"""Sessions where the Collaboration Service finds them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from domain.ids import SessionId
from domain.session import Document, Session
from persistence.redis.client import Reach
from persistence.redis.keys import session_key
from persistence.redis.scripts import Script


class RedisSessions:
    """Hashes ``session:{session_id}``; satisfies ``actors.ports.Sessions``.

    With *legacy_key*, the predecessor's string key ``{session_id}`` is written beside the hash.
    """

    def __init__(self, reach: Reach, *, seconds: int, legacy_key: bool) -> None:
        self._reach = reach
        self._seconds = seconds
        self._legacy_key = legacy_key
        self._create = Script(reach.client, "create_session")

    async def create(self, session: Session) -> None:
        """Write what is missing of the session: all of it, at first."""
        fields = _fields(session)
        arguments: list[str | int] = [self._seconds]
        for name, value in fields.items():
            arguments += [name, value]
        key = session_key(session.id)
        await self._reach.run_at(key, lambda: self._create(key, arguments))
        if self._legacy_key:
            text = _legacy_text(session)
            await self._reach.run(lambda: self._reach.client.set(session.id, text, ex=self._seconds, nx=True))

    async def document(self, session_id: SessionId) -> Document | None:
        """What is typed in a session; None when Redis has lost it, or some of it."""
        key = session_key(session_id)
        values: Sequence[object] = await self._reach.run_at(
            key, lambda: self._reach.client.hmget(key, ["code", "language", "question"])
        )
        code, language, question = (None if value is None else _as_text(str(value)) for value in values)
        return None if code is None or language is None or question is None else Document(code, language)


def _as_text(value: str) -> str:
    """*value* without what was no UTF-8."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _question(session: Session) -> dict[str, object]:
    question = session.question
    return {
        "id": question.id,
        "title": question.title,
        "difficulty": question.difficulty,
        "topics": list(question.topics),
    }


def _fields(session: Session) -> dict[str, str]:
    return {
        "question": json.dumps(_question(session)),
        "code": Document().code,
        "language": Document().language,
        "users": json.dumps(session.users),
        "match_id": session.match_id,
        "difficulty": session.bucket.difficulty.value,
        "topic": session.bucket.topic,
        "created_at": session.created_at.isoformat().replace("+00:00", "Z"),
    }


def _legacy_text(session: Session) -> str:
    blank = Document()
    return json.dumps(
        {"question": _question(session), "code": blank.code, "language": blank.language, "users": session.users}
    )
