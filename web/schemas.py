"""Every body that comes out over HTTP; :mod:`web.inputs` has those that go in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from domain.ids import MatchId, QuestionId, RequestId, SessionId, UserId
from domain.match import MatchState
from domain.request import Difficulty
from domain.session import Question, Session

UUID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
"""The one spelling of an id: whatever else names the same number is unknown."""


def moment(when: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2025-11-12T06:40:23.000Z``."""
    return f"{when.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


Moment = Annotated[
    datetime,
    PlainSerializer(moment, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-11-12T06:40:23.000Z"]}),
]
Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN), Field(json_schema_extra={"format": "uuid"})]
StateText = Annotated[MatchState, Field(examples=["proposed"])]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class WaitingRequest(_Out):
    """A request in the queue."""

    id: RequestId
    user_id: UserId
    difficulty: Difficulty
    topic: str
    status: Literal["pending"] = "pending"
    created_at: Moment
    expires_at: Annotated[Moment, Field(description="When the search ends.")]


class RepeatedRequest(WaitingRequest):
    """The request that was in the queue already: its place kept, its search clock started anew."""

    already_queued: Literal[True] = True


class PendingStatus(_Out):
    """Nobody yet."""

    status: Literal["pending"] = "pending"
    waiting_seconds: float
    position: Annotated[int, Field(description="1 is next.")]
    estimated_wait_seconds: Annotated[float | None, Field(description="Unknown before the bucket's first match.")]
    expires_at: Moment


class MatchedStatus(_Out):
    """A partner was found."""

    status: Literal["matched"] = "matched"
    match_id: MatchId


class EndedStatus(_Out):
    """The search is over."""

    status: Literal["cancelled", "timeout"]


class RequestCancelled(_Out):
    """The request will never get a session."""

    message: Literal["Match request cancelled"] = "Match request cancelled"


class WaitingForPartner(_Out):
    """Noted; the partner has not answered yet."""

    status: Literal["waiting_for_partner"] = "waiting_for_partner"
    match_id: MatchId


class PreparingSession(_Out):
    """Both confirmed; the session takes a moment more: ask again, or wait for ``match_ready``."""

    status: Literal["preparing_session"] = "preparing_session"
    match_id: MatchId


class SessionReady(_Out):
    """Both confirmed, and the session can be read."""

    match_id: MatchId
    session_id: SessionId
    question_id: QuestionId
    partner_id: UserId


class MatchDeclined(_Out):
    """The match is off."""

    status: Literal["cancelled"] = "cancelled"
    requeued_partner: bool
    match_id: MatchId


class MatchStatus(_Out):
    """How a match stands."""

    confirm_status: Annotated[bool, Field(description="Both confirmed, and the session can be read.")]
    session_id: Annotated[SessionId | None, Field(description="Null until ``confirm_status`` is true.")]
    status: StateText
    you_confirmed: bool
    partner_confirmed: bool
    expires_at: Annotated[Moment, Field(description="Until when both must confirm.")]


class QuestionBody(_Out):
    """What the two will work on."""

    id: QuestionId
    title: str
    difficulty: str
    topics: tuple[str, ...]

    @classmethod
    def of(cls, question: Question) -> QuestionBody:
        return cls(id=question.id, title=question.title, difficulty=question.difficulty, topics=question.topics)


class ActiveSession(_Out):
    """The newest session the caller is in."""

    match_id: MatchId
    session_id: SessionId
    partner_id: UserId
    question: QuestionBody

    @classmethod
    def of(cls, session: Session, user_id: UserId) -> ActiveSession:
        return cls(
            match_id=session.match_id,
            session_id=session.id,
            partner_id=session.partner_of(user_id),
            question=QuestionBody.of(session.question),
        )


class OpenSessionBody(_Out):
    """What a stranger may read, where the deployment says so."""

    question: QuestionBody
    code: str
    language: str


class SessionBody(_Out):
    """A session and what is typed in it."""

    session_id: SessionId
    match_id: MatchId
    question: QuestionBody
    code: str
    language: str
    users: tuple[UserId, UserId]


class SessionLeft(_Out):
    """The caller is out: ``left`` just now, ``ok`` when that was so already."""

    status: Literal["left", "ok"]


class Health(_Out):
    """The process is alive."""

    status: Literal["healthy"] = "healthy"
    name: str
    version: str


class Ready(_Out):
    """The service serves; ``degraded`` when something it can do without is away."""

    status: Literal["ready", "degraded"]
    dependencies: dict[str, str]


class ServiceCard(_Out):
    """Who is this."""

    name: str
    version: str


class FieldError(_Out):
    """One thing wrong with a body."""

    field: Annotated[str, Field(description="Empty when the body as a whole is wrong.")]
    code: str
    message: str


class ProblemBody(BaseModel):
    """RFC 9457.  Conflicts carry the truth beside these."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="What programs go by.")]
    instance: Annotated[str, Field(description="This occurrence: ends in the id that logs and X-Request-ID carry.")]
    request_id: Annotated[
        str,
        Field(description="The match request this is about, when it is about one; else the id in ``X-Request-ID``."),
    ]
    match_id: str | None = None
    session_id: str | None = None
    reason: Annotated[str | None, Field(description="Why a match ended.")] = None
    errors: Annotated[list[FieldError] | None, Field(description="All that is wrong with a body, with 422.")] = None
    dependencies: dict[str, str] | None = None
    failing: Annotated[list[str] | None, Field(description="What keeps the service from being ready.")] = None
