"""The programme as anyone runs it: a minute of the mix that CI plays, and the verdict."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.embedded.rabbitmq import find_scripts
from tests.chaos.__main__ import SMOKE
from tests.chaos.faults import FAULTS
from tests.chaos.plan import PROJECT

pytestmark = [pytest.mark.chaos]

SMOKE_SECONDS = 240.0
"""A minute of users, and some for the start, the drain and a machine with other things to do."""


def chaos(*arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    """``./run chaos`` with these *arguments*."""
    command = [sys.executable, "-m", "tests.chaos", *arguments]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=seconds, check=False)


@pytest.mark.rabbitmq
@pytest.mark.timeout(SMOKE_SECONDS + 10)
@pytest.mark.skipif(
    find_scripts() is None and not os.environ.get("CI"),
    reason="RABBITMQ IS NOT INSTALLED: apt-get install rabbitmq-server to have the promises proved",
)
def test_a_minute_of_faults_breaks_no_promise(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = chaos("--smoke", "--keep", str(tmp_path), "--report", str(page), seconds=SMOKE_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    for number in range(1, 16):
        assert re.search(rf"^I{number} .* looked at: 0 violations", done.stdout, re.MULTILINE), number
    sums = r"^1 run: [\d,]+ acknowledged operations, [\d,]+ matches, [1-9]\d* faults: 0 violations$"
    assert re.search(sums, done.stdout, re.MULTILINE)
    assert "<svg" in page.read_text()
    again = chaos("check", str(tmp_path))
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1] in done.stdout


def test_the_mix_of_ci_is_of_faults_that_there_are() -> None:
    assert set(SMOKE) <= {fault.number for fault in FAULTS if not fault.heavy}


def test_the_list_names_every_fault_and_plays_none() -> None:
    done = chaos("--list")
    assert done.returncode == 0
    assert re.search(r"^F9 +redis-flushall ", done.stdout, re.MULTILINE)


def test_the_help_names_every_option() -> None:
    done = chaos("--help")
    options = (
        "--seed",
        "--seeds",
        "--seconds",
        "--rate",
        "--faults",
        "--each",
        "--list",
        "--smoke",
        "--keep",
        "--report",
    )
    assert [one for one in (*options, "check") if one not in done.stdout] == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--faults", "F99"], "There is no fault F99."),
        (["--seeds", "9-1"], "it is like 1-10"),
        (["check", "."], "there is no evidence in it"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = chaos(*(str(tmp_path) if one == "." else one for one in arguments))
    assert done.returncode not in (0, 1)
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
