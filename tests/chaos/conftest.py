"""A town of one replica, for tests that break it a little."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.embedded.rabbitmq import find_scripts
from tests.chaos.founding import founded
from tests.chaos.plan import ChaosPlan
from tests.chaos.town import Town


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.chaos)


@pytest.fixture(scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Everything works when a test begins, and must when it ends."""
    if find_scripts() is None:
        reason = "RABBITMQ IS NOT INSTALLED: apt-get install rabbitmq-server to break a town"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    plan = ChaosPlan(replicas=1, search_seconds=30, confirm_seconds=30)
    async with founded(plan, tmp_path_factory.mktemp("town"), lambda _: None) as town:
        yield town
