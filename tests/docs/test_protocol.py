"""docs/protocol.md names everything that actors, sockets and clients say to each other, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from actors.messages import BucketMessage, JanitorMessage, RelayMessage, SessionMessage, SupervisorMessage
from actors.runtime import Ask
from tests.docs.pages import table
from web.connection import CloseCode
from web.frames import SENT
from web.paths import BASE
from web.routes import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"

RECEIVERS = {
    "BucketActor": BucketMessage,
    "MatchSupervisor": SupervisorMessage,
    "SessionActor": SessionMessage,
    "OutboxRelay": RelayMessage,
    "Janitor": JanitorMessage,
}
MESSAGES = {message.__name__: message for union in RECEIVERS.values() for message in get_args(union)}
FRAMES = {frame.model_fields["type"].default for frame in SENT}
SERVED = {(route.method, route.path.removeprefix(BASE)) for route in ROUTES}


@pytest.fixture(scope="module")
def page() -> str:
    assert PAGE.is_file(), "docs/protocol.md is missing: it is where the protocol is written down"
    return PAGE.read_text(encoding="utf-8")


def test_the_page_names_every_message_once_under_its_receiver(page: str) -> None:
    written = [(receiver, message.strip("`")) for receiver, message, *_ in table(page, "receiver")]
    assert len(written) == len(set(written))
    assert set(written) == {
        (receiver, message.__name__) for receiver, union in RECEIVERS.items() for message in get_args(union)
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_the_page_calls_an_ask_an_ask_and_a_reminder_ones_own(page: str, name: str) -> None:
    [kind] = [kind for _, message, kind, _ in table(page, "receiver") if message == f"`{name}`"]
    assert kind.startswith("ask") == issubclass(MESSAGES[name], Ask)
    assert kind.startswith("self") == name.endswith("Elapsed")


def test_the_page_names_every_frame(page: str) -> None:
    assert {cells[0].strip("`") for cells in table(page, "frame")} == FRAMES


def test_the_page_names_every_close_code(page: str) -> None:
    written = {int(code) for cells in table(page, "close code") for code in cells[0].split(", ")}
    theirs = {1001, 1007, 1009}  # sent by aiohttp, or by a proxy
    assert written - theirs == set(CloseCode)


def test_the_page_names_every_route(page: str) -> None:
    written = {
        tuple(text.split(" ")) if " " in text else ("GET", text)
        for cells in table(page, "route")
        for text in re.findall(r"`([^`]+)`", cells[0])
    }
    assert written == SERVED
