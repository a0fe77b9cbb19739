"""What the noise has found, each with the fewest bytes that show it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.embedded import Servers
from tests.e2e.client import BASE
from tests.e2e.replica import Replica
from tests.hardening.fuzz.house import besieged
from tests.hardening.fuzz.verdict import said
from tests.hardening.sockets.wire import dialled


@pytest.fixture(scope="module")
async def replica(
    servers: Servers, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Replica]:
    assert servers.urls.redis_url is not None
    folder: Path = tmp_path_factory.mktemp("found")
    async with besieged(folder, postgres_url=postgres_url, redis_url=servers.urls.redis_url) as one:
        yield one


@pytest.mark.parametrize("rest", [b"zz\r\n", b"5\r\nhello-and-more", b"-1\r\n\r\n"])
async def test_a_body_that_breaks_after_it_was_answered_is_no_defect_of_ours(replica: Replica, rest: bytes) -> None:
    async with dialled(replica.url) as wire:
        wire.send(f"POST {BASE}/request HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode())
        assert (await wire.answer()).status == 401
        wire.send(rest)
        await wire.gone()
    assert list(said(replica)) == []
