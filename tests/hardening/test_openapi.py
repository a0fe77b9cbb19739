"""What is described is what is answered: schemathesis over /openapi.json, against a real replica."""

from __future__ import annotations

from itertools import count
from typing import Any

import aiohttp
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import positive_data_acceptance, response_schema_conformance

from tests.e2e.client import BASE, Crowd
from tests.e2e.replica import Replica
from tests.e2e.scenes import enter, waiting
from tests.e2e.tokens import token_for
from tests.hardening.wire import PROBLEM
from tests.web.conftest import OPTIONS
from web.openapi import openapi
from web.paths import SOCKET
from web.routes import ROUTES

SEED = 20261125
EXAMPLES = 40
USERS = 50

_numbers = count(1)

api = from_dict(openapi(ROUTES, OPTIONS), config=SchemathesisConfig(seed=SEED))


def decent(_: CheckContext, response: Response, __: Case[Any]) -> None:
    """Every refusal is a problem, and says what to do about it."""
    headers = {name.lower() for name in response.headers}
    for status, name in ((401, "www-authenticate"), (405, "allow"), (429, "retry-after"), (503, "retry-after")):
        assert response.status_code != status or name in headers
    assert "server" not in headers
    assert response.status_code < 400 or response.headers["content-type"] == [PROBLEM]


@api.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,  # of one example, on a machine that is busy with something else
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_every_answer_is_described(case: Case[Any], target: Replica) -> None:
    """Bodies, headers, ids and methods that fit the description, and such that do not."""
    token = token_for(f"described-{next(_numbers) % USERS}")
    # Nothing that is drawn from a description opens a socket.
    not_meant: list[CheckFunction] = [positive_data_acceptance] if case.path == SOCKET else []
    case.call_and_validate(
        target.url,
        headers={"Authorization": f"Bearer {token}"},
        additional_checks=[decent],
        excluded_checks=not_meant,
    )


async def test_the_description_that_is_served_is_the_one_that_was_tried(target: Replica) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{target.url}/openapi.json") as response:
        served: dict[str, Any] = await response.json()
    tried = openapi(ROUTES, OPTIONS)
    assert {name: served[name] for name in ("paths", "components")} == {
        name: tried[name] for name in ("paths", "components")
    }


async def test_what_is_there_is_described_as_well(people: Crowd, target: Replica) -> None:
    """Ids that nobody could guess: a request that waits, a match and a session."""
    alice, bob, carol = await people.connected("alice"), await people.connected("bob"), people.user("carol")
    ready = await enter(alice, bob, "Described")
    request_id = await waiting(carol, "Described too")
    for user, path, ids in (
        (carol, "/requests/{request_id}/status", {"request_id": request_id}),
        (alice, "/{match_id}/status", {"match_id": ready["match_id"]}),
        (alice, "/session/{session_id}", {"session_id": ready["session_id"]}),
        (alice, "/sessions/active", {}),
    ):
        case = api[f"{BASE}{path}"]["GET"].Case(path_parameters=ids)
        response = case.call(target.url, headers={"Authorization": f"Bearer {user.token}"})
        assert response.status_code == 200
        case.validate_response(response, checks=[response_schema_conformance, not_a_server_error])
