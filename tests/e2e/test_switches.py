"""What a deployment may switch on, and what deployed clients send."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from service.embedded.databases import fresh_database
from tests.e2e.client import BASE, Client, Crowd
from tests.e2e.conftest import Cluster, Redis
from tests.e2e.neighbours import UserService
from tests.e2e.replica import Replica, running
from tests.e2e.scenes import enter, waiting
from tests.e2e.tokens import token_for

FRONTEND = "http://localhost:3000"
UNDEFINED = {"Authorization": "Bearer undefined"}


@pytest.fixture(scope="module")
async def users() -> AsyncIterator[UserService]:
    async with UserService() as service:
        yield service


@pytest.fixture(scope="module")
async def switched(cluster: Cluster, users: UserService, postgres_url: str, logs: Path) -> AsyncIterator[Replica]:
    """A replica with every switch on."""
    async with fresh_database(postgres_url) as database_url:
        settings = {
            "DATABASE_URL": database_url,
            "TOPICS": "Array, Dynamic Programming",
            "CORS_ORIGINS": FRONTEND,
            "LEGACY_OPEN_SESSION_READ": "true",
            "LEGACY_SESSION_KEY": "true",
            "AUTH_VERIFY_REMOTE": "true",
            "USER_SERVICE_URL": users.url,
        }
        async with running(Replica(logs, **(cluster.environment | settings))) as (replica,):
            yield replica


@pytest.fixture
async def people(switched: Replica) -> AsyncIterator[Crowd]:
    async with Crowd(switched) as crowd:
        yield crowd


def known(users: UserService, user: Client) -> Client:
    users.users[user.token] = user.user_id
    return user


async def entered(people: Crowd, users: UserService) -> tuple[Client, Client, str]:
    """Two in a session, and its id."""
    alice, bob = known(users, people.user("alice")), known(users, people.user("bob"))
    await alice.reload()
    await bob.reload()
    return alice, bob, (await enter(alice, bob, "Array"))["session_id"]


async def test_an_old_page_reads_a_session_without_a_token_but_never_the_users(
    people: Crowd, users: UserService
) -> None:
    alice, _, session_id = await entered(people, users)
    whole = (await alice.session(session_id)).expect(200)
    for headers in (UNDEFINED, {}):
        seen = (await alice.call("GET", f"/session/{session_id}", headers=headers)).expect(200)
        assert seen == {name: whole[name] for name in ("question", "code", "language")}
    eve = known(users, people.user("eve"))
    assert list((await eve.session(session_id)).expect(200)) == ["question", "code", "language"]
    (await alice.call("GET", f"/session/{session_id[:-4]}0000", headers=UNDEFINED)).expect(404)
    (await alice.call("GET", "/sessions/active", headers=UNDEFINED)).expect(401)


async def test_by_default_a_session_is_read_by_its_members_only(crowd: Crowd, topic: str, index: Redis) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    (await alice.call("GET", f"/session/{session_id}", headers=UNDEFINED)).expect(401)
    (await crowd.user("eve").session(session_id)).expect(404)
    assert await index.exists(session_id) == 0


async def test_an_old_collaboration_service_finds_its_key(people: Crowd, users: UserService, index: Redis) -> None:
    alice, bob, session_id = await entered(people, users)
    legacy = json.loads(await index.get(session_id))
    whole = (await alice.session(session_id)).expect(200)
    assert legacy == {name: whole[name] for name in ("question", "code", "language", "users")}
    assert legacy["users"] == [alice.user_id, bob.user_id]
    assert 86_000 < await index.ttl(session_id) <= 86_400
    assert await index.hget(f"session:{session_id}", "match_id") == whole["match_id"]


@pytest.mark.parametrize("spelling", ["dynamic programming", "  DYNAMIC   PROGRAMMING ", "Dynamic Programming"])
async def test_topics_have_one_spelling(people: Crowd, users: UserService, spelling: str) -> None:
    alice = known(users, people.user("alice"))
    request = (await alice.find(spelling)).expect(201)
    assert request["topic"] == "Dynamic Programming"
    (await alice.cancel(request["id"])).expect(200)


async def test_a_topic_that_is_not_offered_is_refused_with_all_that_is_wrong(people: Crowd, users: UserService) -> None:
    problem = (await known(users, people.user("alice")).find("Cooking", "insane")).expect(422)
    assert [error["field"] for error in problem["errors"]] == ["difficulty", "topic"]


async def test_a_user_whom_the_user_service_does_not_know_gets_nowhere(people: Crowd, users: UserService) -> None:
    deleted = people.user("deleted")
    (await deleted.find("Array")).expect(401)
    assert await (await deleted.connect()).closed() == 4401
    users.users[deleted.token] = "somebody-else"
    again = people.user("thief")
    users.users[again.token] = "somebody-else"
    (await again.find("Array")).expect(401)


async def test_browsers_of_the_frontend_are_let_in_and_no_others(people: Crowd, users: UserService) -> None:
    alice = known(users, people.user("alice"))
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    allowed = await alice.call("OPTIONS", "/request", headers={"Origin": FRONTEND} | ask)
    assert (allowed.status, allowed.headers["Access-Control-Allow-Origin"]) == (204, FRONTEND)
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert "authorization" in allowed.headers["Access-Control-Allow-Headers"].lower()
    refused = await alice.call("OPTIONS", "/request", headers={"Origin": "http://evil.example"} | ask)
    assert "Access-Control-Allow-Origin" not in refused.headers
    problem = await alice.call("GET", "/sessions/active", headers={"Origin": FRONTEND})
    assert (problem.status, problem.headers["Access-Control-Allow-Origin"]) == (401, FRONTEND)
    tab = await alice.connect(origin="http://evil.example")
    assert await tab.closed() == 4403
    assert (await (await alice.connect(origin=FRONTEND)).frame("state"))["type"] == "state"


async def test_difficulty_is_taken_in_any_letter_case(crowd: Crowd, topic: str) -> None:
    for number, spelling in enumerate(("Medium", "MEDIUM", "medium")):
        answer = (await crowd.user().find(f"{topic} {number}", spelling)).expect(201)
        assert answer["difficulty"] == "medium"


@pytest.mark.parametrize("content_type", ["text/plain;charset=UTF-8", "application/json", "nonsense"])
async def test_bodies_are_json_whatever_their_type_says(crowd: Crowd, topic: str, content_type: str) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]

    def as_sent(user: Client, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {user.token}", "Content-Type": content_type}
        return {"data": json.dumps(body), "headers": headers}

    left = await alice.call("POST", "/sessions/leave", **as_sent(alice, {"session_id": session_id}))
    assert left.expect(200) == {"status": "left"}
    wish = {"difficulty": "easy", "topic": topic}
    (await alice.call("POST", "/request", **as_sent(alice, wish))).expect(201)


async def test_a_token_is_taken_from_query_header_or_subprotocol(crowd: Crowd, topic: str) -> None:
    alice = crowd.user("alice")
    request_id = await waiting(alice, topic)
    for options in (
        {"params": {"token": alice.token}},
        {"params": {}, "headers": {"Authorization": f"Bearer {alice.token}"}},
        {"params": {}, "protocols": ("bearer", alice.token)},
    ):
        assert (await (await alice.connect(**options)).frame("state"))["request"]["id"] == request_id
    for bad in ("", "nonsense", token_for(alice.user_id, exp=1), token_for(alice.user_id, type="refresh")):
        assert await (await alice.connect(params={"token": bad})).closed() == 4401


async def test_health_and_metrics_are_open(crowd: Crowd, cluster: Cluster) -> None:
    async with crowd.http.get(f"{cluster.one.url}/health") as response:
        assert (response.status, (await response.json())["status"]) == (200, "healthy")
    async with crowd.http.get(f"{cluster.one.url}/metrics") as response:
        assert "matching_" in await response.text()
    async with crowd.http.get(f"{cluster.one.url}/openapi.json") as response:
        assert f"{BASE}/confirm" in (await response.json())["paths"]
    async with aiohttp.ClientSession() as http, http.get(f"{cluster.one.url}/") as response:
        assert "matching-service" in (await response.json())["name"]
