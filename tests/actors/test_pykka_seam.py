"""A tripwire: the names of Pykka's that the runtime leans on, private ones among them.

Should a new Pykka fail here, read ``actors/runtime`` against its source before anything else.
"""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
from pathlib import Path

import pykka
import pytest
from pykka._actor import Actor as PykkaActor
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from actors.runtime import Mailbox, Promise, Resident
from tests.actors.scribe import Journal, Scribe

RUNTIME = Path(__file__).parents[2] / "actors" / "runtime"


def test_this_is_the_major_version_that_was_read() -> None:
    assert importlib.metadata.version("pykka").split(".")[0] == "4"


@pytest.mark.parametrize("name", ["_create_actor_inbox", "_create_future", "_start_actor_loop"])
def test_the_seam_for_new_actor_types_is_where_it_was_and_filled(name: str) -> None:
    assert name in vars(PykkaActor)
    assert name in vars(Resident)
    assert "implementors of new actor types" in (inspect.getdoc(vars(PykkaActor)[name]) or "")


@pytest.mark.parametrize("name", ["_handle_failure", "_stop", "_actor_loop_teardown", "stop"])
def test_the_methods_that_the_loop_calls_are_pykkas_own(name: str) -> None:
    assert getattr(Resident, name) is getattr(PykkaActor, name)


def test_stopping_is_told_by_a_private_message_without_a_way_back() -> None:
    source = inspect.getsource(PykkaActor.stop)
    assert "tell(messages._ActorStop())" in source
    assert _ActorStop.__module__ == "pykka.messages"


def test_an_envelope_holds_a_message_and_the_way_back() -> None:
    envelope = Envelope("message", reply_to=None)
    assert (envelope.message, envelope.reply_to) == ("message", None)


async def test_an_ask_that_does_not_block_returns_our_promise_and_fills_our_mailbox() -> None:
    scribe = Scribe(Journal())
    promise = scribe.actor_ref.ask("hello", block=False)
    assert isinstance(promise, Promise)
    assert isinstance(scribe.actor_inbox, Mailbox)
    assert (len(scribe.actor_inbox), scribe.actor_inbox.empty()) == (1, False)
    letter = scribe.actor_inbox.get()
    assert (letter.message, letter.reply_to) == ("hello", promise)


async def test_an_actor_is_alive_until_it_is_told_otherwise() -> None:
    scribe = Scribe(Journal())
    assert scribe.actor_ref.is_alive()
    scribe.actor_stopped.set()
    assert not scribe.actor_ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        scribe.actor_ref.tell("hello")


def test_only_known_private_names_are_used() -> None:
    """What this file does not watch, the runtime must not lean on."""
    names = {
        alias.name
        for file in RUNTIME.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pykka")
        for alias in node.names
    }
    assert names == {"_ActorStop", "Envelope", "OptExcInfo"}
