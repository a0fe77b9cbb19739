"""Reading a list of questions that a stranger wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

from domain.ids import QuestionId
from domain.request import Bucket
from domain.session import Question

MOST_QUESTIONS: Final = 500
MOST_TOPICS: Final = 20
LONGEST_TITLE: Final = 300
UNTITLED: Final = "Untitled"
_JSON: Final = TypeAdapter[Any](Any)
_WRAPPERS: Final = ("questions", "data")
_CONTROLS: Final = dict.fromkeys([*range(32), 127])
"""PostgreSQL keeps no NUL in a document, and nobody wants to see the others."""


def _as_text(value: object) -> str:
    """Ids may be numbers there; here they are text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("an id is a number or a text")  # noqa: TRY004 - pydantic passes a TypeError on
    return str(value)


def _as_words(value: object) -> list[str]:
    """The texts among *value*, at most so many."""
    if not isinstance(value, list):
        raise ValueError("topics are a list")  # noqa: TRY004 - as above
    return [word.translate(_CONTROLS)[:LONGEST_TITLE] for word in value if isinstance(word, str)][:MOST_TOPICS]


def _as_line(value: object) -> object:
    return value.translate(_CONTROLS).strip()[:LONGEST_TITLE] if isinstance(value, str) else value


class _Item(BaseModel):
    """What we need of a question; whatever else it has is not looked at."""

    id: Annotated[
        str,
        BeforeValidator(_as_text),
        Field(validation_alias=AliasChoices("id", "_id"), min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$"),
    ]
    title: Annotated[str | None, BeforeValidator(_as_line)] = None
    difficulty: Annotated[str | None, BeforeValidator(_as_line)] = None
    topics: Annotated[list[str] | None, BeforeValidator(_as_words)] = None


def read_questions(body: bytes, bucket: Bucket) -> Sequence[Question] | None:
    """The questions in *body*, at most 500; what they leave out is taken from *bucket*.

    Items that are no questions are skipped.  None when *body* is no list, or one of other things only.
    """
    try:
        document = _unwrap(_JSON.validate_json(body))
    except ValueError:
        return None
    if not isinstance(document, list):
        return None
    questions = list(_readable(document[:MOST_QUESTIONS], bucket))
    return questions if questions or not document else None


def _unwrap(document: Any) -> Any:
    """The list, bare or wrapped in an object as some deployments do."""
    if isinstance(document, dict):
        return next((document[name] for name in _WRAPPERS if name in document), None)
    return document


def _readable(items: Sequence[object], bucket: Bucket) -> Iterator[Question]:
    for item in items:
        try:
            read = _Item.model_validate(item)
        except ValidationError:
            continue
        yield Question(
            id=QuestionId(read.id),
            title=read.title or UNTITLED,
            difficulty=read.difficulty or bucket.difficulty.value,
            topics=(bucket.topic,) if read.topics is None else tuple(read.topics),
        )
