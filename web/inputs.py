"""Every body that goes in over HTTP: nothing is coerced, and what is not asked for is ignored."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from domain.request import Difficulty
from domain.topic import MAX_TOPIC_LENGTH, Topics
from web.schemas import Uuid

TOPICS: Final = "topics"
"""Under this name the validation context carries the deployment's :class:`~domain.topic.Topics`."""

_SIGNS: Final = r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u0134-\u0151\u0154-\u017f0-9+#&/().,'_\-"
_TOPIC_PATTERN: Final = rf"^[{_SIGNS} ]*[{_SIGNS}][{_SIGNS} ]*$"
"""For the description: what is taken, short of the rarer letters that Unicode calls Latin."""


def _difficulty(value: Any) -> Difficulty:
    try:
        return Difficulty(value.lower())
    except (AttributeError, ValueError):
        raise PydanticCustomError("difficulty", "Input should be easy, medium or hard") from None


def _topic(value: str, info: ValidationInfo) -> str:
    topics: Topics = (info.context or {}).get(TOPICS) or Topics()
    try:
        return topics.canonical(value)
    except ValueError as error:
        raise PydanticCustomError("topic", "Not a topic: {reason}", {"reason": str(error)}) from None


class _In(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class MatchWish(_In):
    """Whom to look for."""

    difficulty: Annotated[
        Difficulty, BeforeValidator(_difficulty), Field(description="In any letter case.", examples=["easy"])
    ]
    topic: Annotated[
        str,
        AfterValidator(_topic),
        Field(
            description="Letters, digits, spaces and + # & / ( ) . , ' _ -; one of those offered, where they are.",
            examples=["Array"],
            json_schema_extra={"minLength": 1, "maxLength": MAX_TOPIC_LENGTH, "pattern": _TOPIC_PATTERN},
        ),
    ]


class Verdict(_In):
    """Yes or no to a match."""

    match_id: Uuid
    confirmed: Annotated[bool, Field(description="false declines; the partner goes back to the queue.")]


class Leaving(_In):
    """Which session to leave."""

    session_id: Uuid
