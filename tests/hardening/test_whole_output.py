"""Last of this folder: what the replicas wrote while all of this was sent to them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.e2e.replica import Replica
from tests.e2e.tokens import ISSUED, SECRET


def test_4_5_no_log_has_a_token_or_a_secret(target: Replica, hardening_logs: Path) -> None:
    signatures = {token.rpartition(".")[2] for token in ISSUED}
    for log in hardening_logs.iterdir():
        text = log.read_text()
        assert text
        assert SECRET not in text
        assert signatures.isdisjoint(re.findall(r"[\w-]{43}", text)), log
        assert not re.search(r"eyJ[\w-]{10,}\.", text), log
        assert target.environment["DATABASE_URL"] not in text


def test_nothing_that_was_sent_was_a_surprise(target: Replica, hardening_logs: Path) -> None:
    for log in hardening_logs.iterdir():
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        assert [line for line in lines if line["level"] in ("error", "critical")] == [], log
        assert [line for line in lines if line.get("status") == 500] == [], log
    assert all(line.startswith("{") for line in target.log.read_text().splitlines())
