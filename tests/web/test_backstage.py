"""The pages for developers, over a backstage of paper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from domain.ids import EventId, UserId
from domain.request import Difficulty
from tests.web.conftest import Edge
from tests.web.fakes import token
from web.backstage import BucketShown, DevState, EventShown, MailboxShown, open_backstage

STATE = DevState(
    dependencies={"postgres": "ok", "redis": "ok", "rabbitmq": "not configured"},
    buckets=(BucketShown(difficulty=Difficulty.EASY, topic="Array", waiting=2, oldest_wait_seconds=1.5),),
    mailboxes=(MailboxShown(kind="BucketActor", actors=1, letters=0),),
    events=(
        EventShown(
            event_id=EventId("e-1"),
            routing_key="match.found",
            created_at=datetime(2025, 11, 12, 6, 40, 23, tzinfo=UTC),
            published_at=None,
            body={"event_type": "match.found"},
        ),
    ),
    events_waiting=1,
    topics=("Array",),
)


class PaperBackstage:
    def sign(self, user_id: UserId) -> str:
        return token(user_id)

    async def look(self) -> DevState:
        return STATE


class DevEdge(Edge):
    def app(self) -> web.Application:
        app = super().app()
        open_backstage(app, PaperBackstage())
        return app


@pytest.fixture
async def dev() -> AsyncIterator[DevEdge]:
    edge = DevEdge()
    yield edge
    await edge.close()


async def test_a_token_is_given_to_whoever_asks(dev: DevEdge) -> None:
    answer = await dev.post("//dev/token", {"user_id": "ada"}, user=None)
    assert answer.status == 200
    await dev.get("/sessions/active", user=None, headers={"Authorization": f"Bearer {answer.body['token']}"})
    assert dev.meter.answers[-1][2] == 404


@pytest.mark.parametrize("user_id", ["", "two words", "a:b", "x" * 129, 7, None])
async def test_a_user_id_that_no_token_may_have_is_refused(dev: DevEdge, user_id: object) -> None:
    answer = await dev.post("//dev/token", {"user_id": user_id}, user=None)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "user_id")


async def test_the_state_is_told_as_it_is(dev: DevEdge) -> None:
    answer = await dev.get("//dev/state", user=None)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body["events"][0]["created_at"] == "2025-11-12T06:40:23.000Z"
    assert DevState.model_validate(answer.body) == STATE


@pytest.mark.parametrize(("method", "path"), [("GET", "//dev/state"), ("POST", "//dev/token")])
async def test_without_a_backstage_there_are_no_such_pages(edge: Edge, method: str, path: str) -> None:
    assert (await edge.call(method, path, user=None)).status == 404


async def test_no_description_mentions_them(dev: DevEdge) -> None:
    assert "/dev/" not in (await dev.get("//openapi.json", user=None)).text
