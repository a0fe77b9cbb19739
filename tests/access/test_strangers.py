"""For every id in every route, a stranger gets what there is for an id that does not exist."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from uuid_utils import uuid7

from tests.access.conftest import Town
from tests.access.doors import KINDS, Door, doors
from tests.access.line import Line
from tests.access.timing import telling
from tests.e2e.tokens import token_for
from web.routes import ROUTES

DOORS = {door.name: door for door in doors()}
SERVED = [name for name, door in DOORS.items() if door.is_served]
SESSION = "/api/v1/matching/session/{session_id}"

EVE = token_for("eve-the-stranger")
NOBODYS = {"no token": None, "what an old frontend sends": "undefined"}


@pytest.fixture
async def rows(town: Town) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(town.database_url)
    yield connection
    await connection.close()


def unknown() -> str:
    """An id as we make them, of nothing."""
    return str(uuid7())


def is_open(door: Door) -> bool:
    """Whether ``LEGACY_OPEN_SESSION_READ`` opens it."""
    return door.path == SESSION and door.method in ("GET", "HEAD")


def test_every_id_of_every_route_is_a_door() -> None:
    in_paths = {(route.method, route.path) for route in ROUTES if "{" in route.path}
    in_bodies = {(route.method, route.path) for route in ROUTES if route.body and "_id" in str(route.body.model_fields)}
    assert {(door.method, door.path) for door in DOORS.values()} >= in_paths | in_bodies
    assert len(SERVED) >= 10
    assert {door.kind for door in DOORS.values()} == set(KINDS)


def test_there_is_a_thing_of_somebody_else_in_every_state(town: Town) -> None:
    matches = {"proposed", "proposed with a yes", "confirmed", "ready", "left by one", "closed"}
    assert town.things.ids["match_id"].keys() == matches | {"declined", "expired", "failed"}
    assert {"pending", "matched", "cancelled", "timeout"} <= town.things.ids["request_id"].keys()
    assert {"ready", "left by one", "closed", "of a match confirmed"} <= town.things.ids["session_id"].keys()


@pytest.mark.parametrize("name", DOORS)
async def test_what_belongs_to_others_is_as_unknown_as_what_does_not_exist(town: Town, name: str) -> None:
    door = DOORS[name]
    async with Line(town.closed.url) as line:
        nothing = await line.ask(door, unknown(), EVE)
        assert nothing.status == (404 if door.is_served else 405)
        for what, one in {**town.things.all, "one more": unknown()}.items():
            assert (await line.ask(door, one, EVE)).all == nothing.all, what


@pytest.mark.parametrize("name", SERVED)
async def test_no_clock_tells_what_belongs_to_others_from_what_does_not_exist(town: Town, name: str) -> None:
    door = DOORS[name]
    async with Line(town.closed.url) as line:

        async def ask(one: str) -> int:
            return (await line.ask(door, one, EVE)).nanoseconds

        assert await telling(ask, town.things.ids[door.kind], unknown()) == {}


@pytest.mark.parametrize("who", NOBODYS)
@pytest.mark.parametrize("name", SERVED)
async def test_without_a_token_nobody_learns_what_exists(town: Town, name: str, who: str) -> None:
    door = DOORS[name]
    async with Line(town.closed.url) as line:
        nothing = await line.ask(door, unknown(), NOBODYS[who])
        assert nothing.status == 401
        for what, one in town.things.all.items():
            assert (await line.ask(door, one, NOBODYS[who])).all == nothing.all, what


@pytest.mark.parametrize("who", ["eve", *NOBODYS])
@pytest.mark.parametrize("name", SERVED)
async def test_the_legacy_switch_opens_sessions_that_can_be_read_and_nothing_else(
    town: Town, name: str, who: str
) -> None:
    door, token = DOORS[name], NOBODYS.get(who, EVE)
    async with Line(town.opened.url) as line:
        nothing = await line.ask(door, unknown(), token)
        assert nothing.status == (404 if who == "eve" or is_open(door) else 401)
        for what, one in town.things.all.items():
            heard = await line.ask(door, one, token)
            if is_open(door) and one in town.things.readable:
                assert heard.status == 200, what
                assert door.method == "HEAD" or set(json.loads(heard.body)) == {"question", "code", "language"}
            else:
                assert heard.all == nothing.all, what


async def test_whoever_left_a_session_is_a_stranger_to_it(town: Town) -> None:
    assert town.things.left is not None
    leaver, session_id = town.things.left
    async with Line(town.closed.url) as line:
        for method in ("GET", "HEAD"):
            door = DOORS[f"{method} {SESSION}"]
            nothing = await line.ask(door, unknown(), leaver.token)
            assert nothing.status == 404
            assert (await line.ask(door, session_id, leaver.token)).all == nothing.all

            async def ask(one: str, door: Door = door) -> int:
                return (await line.ask(door, one, leaver.token)).nanoseconds

            assert await telling(ask, {"left": session_id}, unknown()) == {}


async def test_what_a_stranger_asks_for_changes_nothing(town: Town, rows: asyncpg.Connection) -> None:
    async def all_rows() -> list[Any]:
        requests = await rows.fetch("SELECT * FROM match_requests ORDER BY id")
        # The mark that news were told comes a moment after them.
        return [*requests, *await rows.fetch("SELECT to_jsonb(m) - 'untold' FROM matches m ORDER BY id")]

    before = await all_rows()
    async with Line(town.closed.url) as line:
        for door in DOORS.values():
            for one in town.things.all.values():
                await line.ask(door, one, EVE)
    assert await all_rows() == before
    assert len(before) > 20
