"""The room two confirmed users are sent to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.ids import MatchId, QuestionId, SessionId, UserId
from domain.request import Bucket


@dataclass(frozen=True, slots=True)
class Question:
    """What the two will work on, as the Question Service has it."""

    id: QuestionId
    title: str
    difficulty: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """An opened session: decided once per match, the same for everyone who asks."""

    id: SessionId
    match_id: MatchId
    bucket: Bucket
    question: Question
    users: tuple[UserId, UserId]
    created_at: datetime

    def partner_of(self, user_id: UserId) -> UserId:
        """The other one."""
        one, other = self.users
        return other if user_id == one else one


@dataclass(frozen=True, slots=True)
class Document:
    """What the two are typing: written by the Collaboration Service, only read and started by us."""

    code: str = ""
    language: str = "python"
