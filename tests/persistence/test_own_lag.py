"""Time that we lost ourselves is not held against Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.errors import StoreUnavailable
from persistence.redis.client import Reach, connect
from persistence.redis.lines import Client
from tests.persistence.conftest import Failures

NOWHERE = "redis://127.0.0.1:1/0"


class Command:
    """Asks a Redis that is not there, or one that is; counts how often."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.tried = 0
        self.fails = True

    async def __call__(self) -> object:
        self.tried += 1
        return await self.client.get("anything") if self.fails else "an answer"


@pytest.fixture
async def command() -> AsyncIterator[Command]:
    client = connect(NOWHERE)
    yield Command(client)
    await client.aclose()


async def fail(reach: Reach, command: Command) -> None:
    with pytest.raises(StoreUnavailable):
        await reach.run(command)


async def test_a_failure_while_we_are_late_is_forgiven_once(command: Command, failures: Failures) -> None:
    reach = Reach(command.client, failed=failures, own_lag=lambda: 1.0)
    for _ in range(5):
        await fail(reach, command)
    assert command.tried == 2


async def test_after_an_answer_the_next_one_is_forgiven_too(command: Command, failures: Failures) -> None:
    reach = Reach(command.client, failed=failures, own_lag=lambda: 1.0)
    for _ in range(3):
        command.fails = True
        await fail(reach, command)
        command.fails = False
        await reach.run(command)
    assert command.tried == 6


async def test_while_we_are_in_time_none_is(command: Command, failures: Failures) -> None:
    reach = Reach(command.client, failed=failures, own_lag=lambda: 0.05)
    for _ in range(5):
        await fail(reach, command)
    assert command.tried == 1
