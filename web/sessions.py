"""The room two confirmed users share."""

from __future__ import annotations

from aiohttp import web

from domain.errors import SessionNotFound
from domain.ids import SessionId
from domain.session import Document, Session
from web.calls import SERVICES, Call, Reply, answer, canonical
from web.inputs import Leaving
from web.schemas import ActiveSession, OpenSessionBody, QuestionBody, SessionBody, SessionLeft


async def active(call: Call[None]) -> Reply:
    """The newest session the caller has not left."""
    session = await call.services.reads.active_session(call.user_id)
    if session is None:
        raise SessionNotFound
    return Reply(ActiveSession.of(session, call.user_id))


async def read(call: Call[None]) -> Reply:
    """A session of the caller's, with what is typed in it."""
    session_id = SessionId(call.id("session_id", SessionNotFound))
    found = await call.services.reads.session(call.user_id, session_id)
    if found is not None:
        return Reply(_full(*found))
    if call.services.options.legacy_open_session_read:
        found = await call.services.reads.any_session(session_id)
    if found is None:
        raise SessionNotFound
    return Reply(_open(*found))


async def read_openly(request: web.Request) -> web.StreamResponse:
    """What whoever knows the id may read, where ``LEGACY_OPEN_SESSION_READ`` is on: never the users."""
    session_id = SessionId(canonical(request.match_info["session_id"], SessionNotFound))
    found = await request.app[SERVICES].reads.any_session(session_id)
    if found is None:
        raise SessionNotFound
    return answer(_open(*found))


def _full(session: Session, document: Document) -> SessionBody:
    return SessionBody(
        session_id=session.id,
        match_id=session.match_id,
        question=QuestionBody.of(session.question),
        code=document.code,
        language=document.language,
        users=session.users,
    )


def _open(session: Session, document: Document) -> OpenSessionBody:
    return OpenSessionBody(question=QuestionBody.of(session.question), code=document.code, language=document.language)


async def leave(call: Call[Leaving]) -> Reply:
    """Leave a session; the partner hears of it once, however often this is repeated."""
    was_in = await call.services.matchmaker.leave(call.user_id, SessionId(call.body.session_id))
    return Reply(SessionLeft(status="left" if was_in else "ok"))
