"""The protocol is whole: every message has one receiver, and every receiver knows its messages."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import types
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest

from actors import messages
from actors.messages import (
    BatchPublished,
    BucketMessage,
    Confirm,
    Confirmed,
    ConfirmTimeElapsed,
    Decline,
    Enqueue,
    EventsWaiting,
    IdleTimeElapsed,
    JanitorMessage,
    LeaveSession,
    MarkTimeElapsed,
    OpenSession,
    Paired,
    PairingTimeElapsed,
    PollTimeElapsed,
    Recall,
    RelayMessage,
    Requeue,
    Resume,
    RetentionTimeElapsed,
    SearchTimeElapsed,
    SessionFailed,
    SessionMessage,
    SessionOpened,
    SupervisorMessage,
    SweepTimeElapsed,
    Withdraw,
)
from actors.runtime import Address, Ask
from domain.errors import MatchingError
from tests.actors.stage import Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BUCKET, a_match, a_request, a_session, new_match_id, new_request_id, new_session_id

ACTORS = Path(__file__).parents[2] / "actors"

UNIONS = {
    "bucket": BucketMessage,
    "supervisor": SupervisorMessage,
    "sessions": SessionMessage,
    "relay": RelayMessage,
    "janitor": JanitorMessage,
}

ANSWERS = {Confirmed}
"""Messages that are only ever an answer."""

SAMPLES: dict[type, Any] = {
    type(sample): sample
    for sample in (
        Enqueue(new_request_id(), ANN), Withdraw(a_request()), Requeue(a_request()), SearchTimeElapsed(a_request()),
        PairingTimeElapsed(), IdleTimeElapsed(), Paired(a_match()), Confirm(new_match_id(), ANN),
        Decline(new_match_id(), ANN), ConfirmTimeElapsed(new_match_id()), Resume(a_match()), Recall(a_match()),
        SessionOpened(a_session()), SessionFailed(new_match_id(), for_good=True), MarkTimeElapsed(),
        OpenSession(a_match()), LeaveSession(new_session_id(), ANN), EventsWaiting(), PollTimeElapsed(),
        BatchPublished(more=False), SweepTimeElapsed(), RetentionTimeElapsed(),
    )
}  # fmt: skip


def by_name(kinds: Iterable[type]) -> list[type]:
    return sorted(kinds, key=lambda kind: kind.__name__)


def all_messages() -> set[type]:
    """Every class that ``actors.messages`` defines."""
    return {
        thing for _, thing in inspect.getmembers(messages, inspect.isclass) if thing.__module__ == messages.__name__
    }


def address_of(stage: Stage, receiver: str) -> Address[Any]:
    if receiver == "bucket":
        return stage.buckets(BUCKET)
    if receiver == "janitor":
        return stage.start_janitor()
    address: Address[Any] = getattr(stage, receiver)
    return address


def test_every_message_has_exactly_one_receiver() -> None:
    receivers = Counter(message for union in UNIONS.values() for message in get_args(union))
    assert set(receivers) == all_messages() - ANSWERS
    assert set(receivers.values()) == {1}


def test_this_test_has_a_sample_of_every_message() -> None:
    assert SAMPLES.keys() == all_messages() - ANSWERS


@pytest.mark.parametrize("message", by_name(all_messages()))
def test_messages_are_frozen_slotted_values_that_say_what_they_mean(message: type) -> None:
    assert dataclasses.is_dataclass(message)
    assert vars(message)["__dataclass_params__"].frozen
    assert "__slots__" in vars(message)
    assert "__dict__" not in dir(SAMPLES.get(message, Confirmed(new_match_id())))
    assert (message.__doc__ or "").strip().endswith(".")


def test_reminders_to_oneself_and_nothing_else_end_in_elapsed() -> None:
    reminders = {kind.__name__ for kind in all_messages() if kind.__name__.endswith("Elapsed")}
    tree = [ast.parse(file.read_text()) for file in ACTORS.glob("*.py")]
    reminded = {
        node.func.id
        for module in tree
        for call in ast.walk(module)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "remind"
        for node in ast.walk(call)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and hasattr(messages, node.func.id)
    }
    assert reminded <= reminders
    assert reminders <= reminded | {"SearchTimeElapsed"}, "which is made a line earlier"


@pytest.mark.parametrize("message", by_name(SAMPLES))
async def test_every_message_is_handled_by_its_receiver(stage: Stage, message: type) -> None:
    """An ask is answered, if only with an error of the domain; a tell leaves the actor alive."""
    [receiver] = [name for name, union in UNIONS.items() if message in get_args(union)]
    address = address_of(stage, receiver)
    await a_few_turns()
    if issubclass(message, Ask):
        try:
            await address.ask(SAMPLES[message])
        except MatchingError:
            pass
        except ValueError as error:
            assert "not confirmed" in str(error), "the sample of OpenSession is no confirmed match"  # noqa: PT017
    else:
        address.tell(SAMPLES[message])
    await a_few_turns(100)
    assert not [kind for kind in stage.meter.counts if kind[0] == "restarted"]


@pytest.mark.parametrize("receiver", UNIONS)
async def test_what_is_not_in_the_protocol_is_a_failure_and_not_overlooked(stage: Stage, receiver: str) -> None:
    address = address_of(stage, receiver)
    await a_few_turns()
    address.tell(object())
    await eventually(lambda: [kind for kind in stage.meter.counts if kind[0] == "restarted"])


def test_every_match_over_messages_ends_in_assert_never() -> None:
    for file in ACTORS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Match) and handles_messages(node):
                last = node.cases[-1].body[-1]
                assert "assert_never" in ast.unparse(last), f"{file.name}:{node.lineno}"


def handles_messages(node: ast.Match) -> bool:
    classes = {
        pattern.cls.id
        for case in node.cases
        for pattern in ast.walk(case.pattern)
        if isinstance(pattern, ast.MatchClass) and isinstance(pattern.cls, ast.Name)
    }
    return bool(classes & {kind.__name__ for kind in all_messages()})


def test_the_unions_are_unions() -> None:
    assert all(isinstance(union, types.UnionType) for union in UNIONS.values())
