"""GET /sessions/active, GET /session/{id}, POST /sessions/leave."""

from __future__ import annotations

import pytest

from domain.errors import SessionNotFound
from domain.session import Document
from tests.web import builders
from tests.web.builders import ALICE, BOB, MATCH_ID, SESSION_ID, UNKNOWN_ID
from tests.web.conftest import Edge

QUESTION = {"id": "q-1", "title": "Two Sum", "difficulty": "easy", "topics": ["Array"]}
TYPED = Document("print(1)", "python")


async def test_the_active_session_is_shown_to_each(edge: Edge) -> None:
    edge.reads.active = builders.session()
    expected = {"match_id": MATCH_ID, "session_id": SESSION_ID, "question": QUESTION}
    assert (await edge.get("/sessions/active")).body == expected | {"partner_id": BOB}
    assert (await edge.get("/sessions/active", user=BOB)).body == expected | {"partner_id": ALICE}


async def test_without_an_active_session_there_is_404(edge: Edge) -> None:
    assert (await edge.get("/sessions/active")).code == "session_not_found"


async def test_members_read_a_session(edge: Edge) -> None:
    edge.reads.sessions[SESSION_ID] = builders.session(), TYPED
    assert (await edge.get(f"/session/{SESSION_ID}")).body == {
        "session_id": SESSION_ID,
        "match_id": MATCH_ID,
        "question": QUESTION,
        "code": "print(1)",
        "language": "python",
        "users": [ALICE, BOB],
    }


async def test_strangers_learn_nothing_about_a_session(edge: Edge) -> None:
    edge.reads.sessions[SESSION_ID] = builders.session(), TYPED
    headers = {"X-Request-ID": "same"}
    foreign = await edge.get(f"/session/{SESSION_ID}", user="user-789", headers=headers)
    unknown = await edge.get(f"/session/{UNKNOWN_ID}", user="user-789", headers=headers)
    assert foreign.status == 404
    assert foreign.text == unknown.text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer undefined"}, {"Authorization": "Bearer"}])
async def test_a_session_is_closed_to_those_without_a_token(edge: Edge, headers: dict[str, str]) -> None:
    edge.reads.sessions[SESSION_ID] = builders.session(), TYPED
    assert (await edge.get(f"/session/{SESSION_ID}", user=None, headers=headers)).status == 401


@pytest.mark.parametrize(
    ("user", "headers"), [(None, {}), (None, {"Authorization": "Bearer undefined"}), ("user-789", {})]
)
async def test_an_old_frontend_may_read_openly_but_never_the_users(
    edge: Edge, user: str | None, headers: dict[str, str]
) -> None:
    edge.set(legacy_open_session_read=True)
    edge.reads.sessions[SESSION_ID] = builders.session(), TYPED
    answer = await edge.get(f"/session/{SESSION_ID}", user=user, headers=headers)
    assert (answer.status, answer.body) == (200, {"question": QUESTION, "code": "print(1)", "language": "python"})
    assert (await edge.get(f"/session/{UNKNOWN_ID}", user=user, headers=headers)).status == 404
    assert (await edge.get("/session/nope", user=user, headers=headers)).status == 404


async def test_members_still_see_everything_where_old_frontends_read_openly(edge: Edge) -> None:
    edge.set(legacy_open_session_read=True)
    edge.reads.sessions[SESSION_ID] = builders.session(), TYPED
    assert (await edge.get(f"/session/{SESSION_ID}")).body["users"] == [ALICE, BOB]
    assert (await edge.get("/sessions/active", user=None)).status == 401


@pytest.mark.parametrize("text", ["*", "a:b", "a%0ab", SESSION_ID.upper(), "%7Bx%7D"])
async def test_a_session_is_named_by_a_uuid(edge: Edge, text: str) -> None:
    answer = await edge.get(f"/session/{text}")
    assert (answer.status, answer.code) == (404, "session_not_found")


async def test_markup_in_a_question_stays_text(edge: Edge) -> None:
    edge.reads.sessions[SESSION_ID] = builders.session(), Document("<script>alert(1)</script>", "html")
    answer = await edge.get(f"/session/{SESSION_ID}")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("was_in", "status"), [(True, "left"), (False, "ok")])
async def test_leaving_may_be_repeated(edge: Edge, was_in: bool, status: object) -> None:
    edge.matchmaker.left = was_in
    answer = await edge.post("/sessions/leave", {"session_id": SESSION_ID})
    assert (answer.status, answer.body) == (200, {"status": status})
    assert edge.matchmaker.asked == [("leave", ALICE, SESSION_ID)]


async def test_browsers_leave_with_a_plain_text_body(edge: Edge) -> None:
    body = f'{{"session_id": "{SESSION_ID}"}}'
    answer = await edge.post("/sessions/leave", data=body, headers={"Content-Type": "text/plain;charset=UTF-8"})
    assert answer.body == {"status": "left"}


async def test_a_foreign_session_cannot_be_left(edge: Edge) -> None:
    edge.matchmaker.left = SessionNotFound(SESSION_ID)
    assert (await edge.post("/sessions/leave", {"session_id": SESSION_ID})).code == "session_not_found"


@pytest.mark.parametrize("body", [{}, {"session_id": None}, {"session_id": "undefined"}])
async def test_leaving_names_a_session(edge: Edge, body: object) -> None:
    answer = await edge.post("/sessions/leave", body)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "session_id")
