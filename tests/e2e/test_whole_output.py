"""Last of this folder: what all its replicas wrote has no secret in it, and nothing that nobody expects."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from service.embedded import Servers
from tests.access.leaks import Known, leaks_in
from tests.e2e.client import Crowd
from tests.e2e.conftest import Cluster
from tests.e2e.scenes import enter
from tests.e2e.tokens import ISSUED, SECRET


async def test_no_log_has_a_token_a_secret_or_a_password(
    crowd: Crowd, cluster: Cluster, servers: Servers, logs: Path, topic: str
) -> None:
    """What the whole run wrote is searched at its end (tests/access/whole_output.py); this names the culprit sooner."""
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    await enter(alice, bob, topic)
    (await alice.call("GET", f"/session/{alice.token}")).expect(404)
    (await alice.find(alice.token)).expect(422)
    texts = {log.name: log.read_bytes() for log in logs.iterdir()}
    assert len(texts) >= 2
    assert all(texts.values())
    password = str(urlsplit(str(servers.urls.database_url)).password)
    assert len(password) > 10
    known = Known(signatures={token.rpartition(".")[2].encode() for token in ISSUED}, secrets={SECRET.encode()})
    known.passwords.add(password.encode())
    assert {name: leaks for name, text in texts.items() if (leaks := leaks_in(text, known))} == {}


async def test_every_line_of_a_replica_that_serves_is_one_event(cluster: Cluster) -> None:
    for replica in cluster.replicas:
        for line in replica.log.read_text().splitlines():
            assert {"event", "level", "timestamp"} <= json.loads(line).keys()


async def test_nothing_unexpected_was_logged(cluster: Cluster, logs: Path) -> None:
    for log in logs.iterdir():
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        loud = [line for line in lines if line["level"] in ("error", "critical")]
        assert loud == [], log
