"""Opened sessions where the Collaboration Service finds them."""

from __future__ import annotations

import asyncio

from domain.session import Document
from tests.builders import (
    a_session,
)
from tests.contracts.world import World


async def test_a_new_session_is_an_empty_document_in_python(world: World) -> None:
    session = a_session()
    await world.here.sessions.create(session)
    assert await world.typed(session.id) == Document("", "python")


async def test_creating_again_never_overwrites_what_was_typed(world: World) -> None:
    session = a_session()
    await world.here.sessions.create(session)
    await world.type_code(session.id, "print('hello')")
    await asyncio.gather(*(one.sessions.create(session) for one in [world.here, world.other] * 10))
    assert await world.typed(session.id) == Document("print('hello')", "python")
