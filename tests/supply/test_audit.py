"""``./run audit`` says clean only when somebody who knows has said so."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.e2e.replica import PROJECT
from tests.supply.audit import Outcome, Verdict, judge

RUN = (PROJECT / "run").read_text(encoding="utf-8")

KNOWN = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
HOLE = {"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["3.14.6"]}
SKIPPED = {"name": "pykka", "skip_reason": "Dependency not found on PyPI and could not be audited: pykka (4.5.0)"}


def judged(*dependencies: object) -> Verdict:
    return judge(json.dumps({"dependencies": dependencies, "fixes": []}), "", source="pypi")


def test_clean_is_what_somebody_said_of_every_package() -> None:
    assert judged(KNOWN, KNOWN | {"name": "pykka"}).outcome is Outcome.CLEAN


def test_a_known_hole_is_named_with_what_mends_it_whatever_else_is_unknown() -> None:
    verdict = judged(KNOWN | {"vulns": [HOLE]}, SKIPPED)
    assert verdict.outcome is Outcome.VULNERABLE
    assert verdict.said[1].strip() == "aiohttp 3.14.5: PYSEC-2026-1 CVE-2026-1; mended in 3.14.6"


@pytest.mark.parametrize("dependencies", [(SKIPPED,), (KNOWN, SKIPPED), ()])
def test_what_the_source_does_not_know_is_not_clean(dependencies: tuple[object, ...]) -> None:
    """An index that mirrors packages alone answers 404, for which pip-audit ends with 0."""
    assert judged(*dependencies).outcome is Outcome.NOT_ASKED


@pytest.mark.parametrize("report", ["", "No known vulnerabilities found", "{}", "[]"])
def test_without_a_report_nothing_was_asked(report: str) -> None:
    verdict = judge(report, "Traceback\nConnectionError: nobody there\n", source="osv")
    assert verdict == Verdict(Outcome.NOT_ASKED, ("osv: ConnectionError: nobody there",))


# -- the command, with a source of advisories on this machine ---------------------------------------


class Osv:
    """Says about every package what the test wants."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.holes: dict[str, object] = {}

    async def answer(self, request: web.Request) -> web.Response:
        name = json.loads(await request.text())["package"]["name"]
        return web.json_response({"vulns": [self.holes[name]]} if name in self.holes else {}, status=self.status)


@pytest.fixture
async def osv() -> AsyncIterator[Osv]:
    service = Osv()
    app = web.Application()
    app.router.add_post("/v1/query", service.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/query"
    yield service
    await runner.cleanup()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Two packages of ours."""
    text = (PROJECT / "requirements.lock").read_text()
    pinned = [re.search(rf"^{name}==.*(?:\n    --hash.*)+", text, re.MULTILINE) for name in ("pykka", "structlog")]
    place = tmp_path / "two.lock"
    place.write_text("\n".join(found[0] for found in pinned if found))
    return place


async def audited(lock: Path, url: str) -> tuple[int, str]:
    """Exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.supply", "--lock", str(lock), "--osv-url", url),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    return process.returncode or 0, said


async def test_no_advisory_is_clean(osv: Osv, lock: Path) -> None:
    assert await audited(lock, osv.url) == (0, "osv: no known hole in 2 pinned packages\n")


async def test_an_advisory_fails_and_is_named(osv: Osv, lock: Path) -> None:
    affected = {
        "package": {"name": "structlog", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
    }
    osv.holes["structlog"] = {"id": "GHSA-aaaa", "summary": "x", "aliases": ["CVE-2026-1"], "affected": [affected]}
    code, said = await audited(lock, osv.url)
    assert code == 1
    assert "structlog" in said
    assert "GHSA-aaaa" in said
    assert "mended in 99.0" in said


async def test_a_source_that_fails_has_not_been_asked(osv: Osv, lock: Path) -> None:
    osv.status = 500
    code, said = await audited(lock, osv.url)
    assert code == 3
    assert said.startswith("NOT AUDITED")


async def test_a_source_that_is_away_has_not_been_asked(lock: Path) -> None:
    code, said = await audited(lock, "http://127.0.0.1:9/v1/query")
    assert code == 3
    assert said.startswith("NOT AUDITED")


CHECK = """
set -eu
say() { printf '%s\\n' "$*"; }
failed= unaudited=
FUNCTIONS
python=PYTHON
audit
printf 'failed=[%s] unaudited=[%s]\\n' "$failed" "$unaudited"
"""


@pytest.mark.parametrize(
    ("code", "must", "verdict"),
    [
        (0, "", "failed=[] unaudited=[]"),
        (1, "", "failed=[ audit] unaudited=[]"),
        (2, "", "failed=[ audit] unaudited=[]"),
        (3, "", "failed=[] unaudited=[yes]"),
        (3, "1", "failed=[ audit] unaudited=[yes]"),
    ],
)
def test_the_check_fails_for_a_hole_and_where_it_must_ask_for_silence(
    tmp_path: Path, code: int, must: str, verdict: str
) -> None:
    [function] = re.findall(r"^audit\(\) \{\n.*?^\}\n", RUN, re.MULTILINE | re.DOTALL)
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\nexit {code}\n")
    fake.chmod(0o755)
    script = CHECK.replace("FUNCTIONS", function).replace("PYTHON", str(fake))
    done = subprocess.run(
        ["sh", "-c", script], env={"AUDIT_MUST_ANSWER": must}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == verdict
