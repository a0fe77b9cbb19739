"""POST /request, GET /requests/{id}/status, DELETE /request/{id}."""

from __future__ import annotations

import pytest

from domain.errors import LiveRequestExists, RequestNotFound, RequestTimedOut, SessionAlreadyOpened, StoreUnavailable
from domain.ids import MatchId
from domain.request import Admission, Bucket, Difficulty, RequestStatus
from tests.web import builders
from tests.web.builders import ALICE, MATCH_ID, REQUEST_ID, SESSION_ID, UNKNOWN_ID
from tests.web.conftest import Edge

WISH = {"difficulty": "easy", "topic": "Array"}


async def test_a_new_request_is_created_and_says_where_to_look(edge: Edge) -> None:
    answer = await edge.post("/request", WISH)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/matching/requests/{REQUEST_ID}/status"
    assert answer.body == {
        "id": REQUEST_ID,
        "user_id": ALICE,
        "difficulty": "easy",
        "topic": "Array",
        "status": "pending",
        "created_at": "2025-11-12T06:40:23.123Z",
        "expires_at": "2025-11-12T06:41:23.123Z",
    }
    assert edge.matchmaker.asked == [("find", ALICE, Bucket(Difficulty.EASY, "Array"))]


async def test_asking_again_for_the_same_gets_the_same_request(edge: Edge) -> None:
    edge.matchmaker.found = Admission(builders.request(), already_queued=True)
    answer = await edge.post("/request", WISH)
    assert answer.status == 200
    assert answer.body["id"] == REQUEST_ID
    assert answer.body["already_queued"] is True


@pytest.mark.parametrize("match_id", [None, MATCH_ID])
async def test_asking_for_something_else_is_told_what_is_live(edge: Edge, match_id: MatchId | None) -> None:
    edge.matchmaker.found = LiveRequestExists(REQUEST_ID, match_id)
    answer = await edge.post("/request", WISH)
    assert (answer.status, answer.code) == (409, "live_request_exists")
    assert answer.body["request_id"] == REQUEST_ID
    assert answer.body["match_id"] == match_id
    assert answer.body["instance"].endswith(answer.headers["X-Request-ID"])


@pytest.mark.parametrize("difficulty", ["easy", "Medium", "HARD"])
async def test_letter_case_of_the_difficulty_does_not_matter(edge: Edge, difficulty: str) -> None:
    assert (await edge.post("/request", WISH | {"difficulty": difficulty})).status == 201
    assert edge.matchmaker.asked[0][2].difficulty == difficulty.lower()


async def test_a_pending_request_tells_how_the_search_goes(edge: Edge) -> None:
    edge.reads.requests[ALICE, REQUEST_ID] = builders.request()
    answer = await edge.get(f"/requests/{REQUEST_ID}/status")
    assert answer.status == 200
    assert answer.body == {
        "status": "pending",
        "waiting_seconds": 4.25,
        "position": 3,
        "estimated_wait_seconds": None,
        "expires_at": "2025-11-12T06:41:23.123Z",
    }


@pytest.mark.parametrize("status", [RequestStatus.MATCHED, RequestStatus.CONFIRMED])
async def test_a_matched_request_names_the_match_and_nothing_else(edge: Edge, status: object) -> None:
    edge.reads.requests[ALICE, REQUEST_ID] = builders.request(status=status, match_id=MATCH_ID)
    assert (await edge.get(f"/requests/{REQUEST_ID}/status")).body == {"status": "matched", "match_id": MATCH_ID}


@pytest.mark.parametrize(
    ("status", "said"), [(RequestStatus.CANCELLED, "cancelled"), (RequestStatus.TIMED_OUT, "timeout")]
)
async def test_an_ended_request_says_how(edge: Edge, status: object, said: str) -> None:
    edge.reads.requests[ALICE, REQUEST_ID] = builders.request(status=status)
    assert (await edge.get(f"/requests/{REQUEST_ID}/status")).body == {"status": said}


async def test_unknown_and_foreign_requests_look_the_same(edge: Edge) -> None:
    edge.reads.requests[ALICE, REQUEST_ID] = builders.request()
    headers = {"X-Request-ID": "same"}
    unknown = await edge.get(f"/requests/{UNKNOWN_ID}/status", headers=headers)
    foreign = await edge.get(f"/requests/{REQUEST_ID}/status", headers=headers, user="user-456")
    assert unknown.status == 404
    assert unknown.code == "request_not_found"
    assert unknown.text == foreign.text


@pytest.mark.parametrize(
    "text",
    [
        "1",
        REQUEST_ID.upper().replace("0", "A"),
        f"{{{REQUEST_ID}}}",
        f"urn:uuid:{REQUEST_ID}",
        REQUEST_ID.replace("-", ""),
        f"{REQUEST_ID}%00",
        "%2e%2e%2fhealth",
        "..%2f..",
        "%0d%0a",
        "*",
        f"{REQUEST_ID},{REQUEST_ID}",
    ],
)
async def test_only_the_canonical_spelling_names_a_request(edge: Edge, text: str) -> None:
    edge.reads.requests[ALICE, REQUEST_ID] = builders.request()
    for method, path in (("GET", f"/requests/{text}/status"), ("DELETE", f"/request/{text}")):
        answer = await edge.call(method, path)
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert edge.matchmaker.asked == []


async def test_cancelling_says_so(edge: Edge) -> None:
    answer = await edge.call("DELETE", f"/request/{REQUEST_ID}")
    assert (answer.status, answer.body) == (200, {"message": "Match request cancelled"})
    assert edge.matchmaker.asked == [("cancel", ALICE, REQUEST_ID)]


async def test_a_body_on_delete_is_ignored(edge: Edge) -> None:
    assert (await edge.call("DELETE", f"/request/{REQUEST_ID}", data=b"{")).status == 200


async def test_cancelling_too_late_tells_the_session(edge: Edge) -> None:
    edge.matchmaker.cancelled = SessionAlreadyOpened(MATCH_ID, SESSION_ID)
    answer = await edge.call("DELETE", f"/request/{REQUEST_ID}")
    assert (answer.status, answer.code) == (409, "session_opened")
    assert (answer.body["match_id"], answer.body["session_id"]) == (MATCH_ID, SESSION_ID)


async def test_cancelling_what_timed_out_is_a_conflict(edge: Edge) -> None:
    edge.matchmaker.cancelled = RequestTimedOut(REQUEST_ID)
    answer = await edge.call("DELETE", f"/request/{REQUEST_ID}")
    assert (answer.status, answer.code, answer.body["request_id"]) == (409, "request_timed_out", REQUEST_ID)


async def test_cancelling_an_unknown_request_is_404(edge: Edge) -> None:
    edge.matchmaker.cancelled = RequestNotFound(REQUEST_ID)
    assert (await edge.call("DELETE", f"/request/{REQUEST_ID}")).code == "request_not_found"


async def test_a_store_that_is_away_means_try_again(edge: Edge) -> None:
    edge.matchmaker.found = StoreUnavailable("postgres")
    answer = await edge.post("/request", WISH)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "unavailable", "1")
    assert "postgres" not in answer.text
