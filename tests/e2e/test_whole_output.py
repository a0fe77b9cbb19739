"""Last of this folder: what all replicas of the run wrote has no secret in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from service.embedded import Servers
from tests.e2e.client import Crowd
from tests.e2e.conftest import Cluster
from tests.e2e.scenes import enter
from tests.e2e.tokens import ISSUED, SECRET


async def test_no_log_has_a_token_a_secret_or_a_password(
    crowd: Crowd, cluster: Cluster, servers: Servers, logs: Path, topic: str
) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    await enter(alice, bob, topic)
    (await alice.call("GET", f"/session/{alice.token}")).expect(404)
    (await alice.find(alice.token)).expect(422)
    texts = {log.name: log.read_text() for log in logs.iterdir()}
    assert len(texts) >= 2
    assert all(texts.values())
    password = str(urlsplit(str(servers.urls.database_url)).password)
    assert len(password) > 10
    signatures = {token.rpartition(".")[2] for token in ISSUED}
    for name, text in texts.items():
        assert signatures.isdisjoint(re.findall(r"[\w-]{43}", text)), name
        assert SECRET not in text, name
        assert password not in text, name
        assert "guest:guest" not in text, name
        assert not re.search(r"eyJ[\w-]{10,}\.", text), name
        assert "geheim" not in text, name


async def test_every_line_of_a_replica_that_serves_is_one_event(cluster: Cluster) -> None:
    for replica in cluster.replicas:
        for line in replica.log.read_text().splitlines():
            assert {"event", "level", "timestamp"} <= json.loads(line).keys()


async def test_nothing_unexpected_was_logged(cluster: Cluster, logs: Path) -> None:
    for log in logs.iterdir():
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        loud = [line for line in lines if line["level"] in ("error", "critical")]
        assert loud == [], log
