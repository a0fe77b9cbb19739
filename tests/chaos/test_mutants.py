"""A checker that finds nothing may be blind: broken services must be found guilty, and the real one must not."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.embedded.rabbitmq import find_scripts
from tests.chaos.checker import Verdict, judge
from tests.chaos.evidence import Evidence
from tests.chaos.plan import PROJECT, ChaosPlan
from tests.chaos.run import play

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.rabbitmq,
    pytest.mark.timeout(300),
    # Connections are cut while they are being made: the libraries' half of one may be collected unclosed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(
        find_scripts() is None and not os.environ.get("CI"),
        reason="RABBITMQ IS NOT INSTALLED: apt-get install rabbitmq-server to have mutants judged",
    ),
]

MUTANTS = Path(__file__).with_name("mutants")
RUNS_ON = (
    "domain", "actors", "web", "persistence", "messaging", "service", "migrations", "pyproject.toml",
)  # fmt: skip
"""What a replica needs of the project."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One thing broken on purpose, and what the checker must say of it."""

    patch: str
    guilty_of: str
    what: str


BROKEN = (
    Mutant("pairing-without-condition", "I1", "live matches at once"),
    Mutant("outbox-without-confirm", "I3", "never arrived"),
    Mutant("session-without-owner", "I6", "a stranger's session was answered 200"),
)
"""None of them leads to what another one is found by: they stand trial together."""
FAULTS = ("redis-stale", "rabbitmq-stopped")
"""Under which they show, in a run that the real service passes."""
SECONDS = 30.0


TIMED = ("I2", "I10", "I13", "I14", "P0")
"""What is also broken by a machine that has no time; the minute of test_smoke.py asks for these as well."""


def copy_of_the_service(folder: Path) -> Path:
    """What a replica runs on, ready to be broken."""
    folder.mkdir()
    for name in RUNS_ON:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, folder / name)
    return folder


def apply(patch: Path, folder: Path) -> None:
    """Break the copy in *folder*; a patch that does not fit the code any more is to be mended."""
    if shutil.which("git"):
        # Outside of any repository: inside one, git leaves out what lies elsewhere, and says nothing.
        environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
        command = ["git", "apply", "--verbose", str(patch)]
    else:
        environment, command = dict(os.environ), ["patch", "--strip=1", "--fuzz=0", f"--input={patch}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def changed(folder: Path) -> set[str]:
    """The files of the copy that are not as in the project."""
    files = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return {str(path) for path in files if (folder / path).read_bytes() != (PROJECT / path).read_bytes()}


async def verdict_on(source: Path, folder: Path) -> Verdict:
    """Of a short run of what is in *source*."""
    folder.mkdir()
    said: list[str] = []
    await play(
        ChaosPlan(seed=5, seconds=SECONDS, rate=20, faults=FAULTS, fsync=False, source=source), folder, said.append
    )
    evidence = Evidence.read(folder)
    assert {fault.name for fault in evidence.faults} == set(FAULTS), said
    return judge(evidence)


async def test_a_broken_service_is_found_guilty_and_the_one_as_it_is_innocent(tmp_path: Path) -> None:
    """Both live at the same time, in towns of their own."""
    source = copy_of_the_service(tmp_path / "source")
    for mutant in BROKEN:
        before = changed(source)
        apply(MUTANTS / f"{mutant.patch}.patch", source)
        assert changed(source) > before
    broken, real = await asyncio.gather(
        verdict_on(source, tmp_path / "broken"), verdict_on(PROJECT, tmp_path / "as it is")
    )
    said = {one.number: [violation.what for violation in one.violations] for one in broken.findings}
    assert [one.patch for one in BROKEN if not any(one.what in what for what in said[one.guilty_of])] == []
    found = {one.number: one.violations for one in real.findings if one.violations and one.number not in TIMED}
    assert found == {}


def test_every_patch_has_its_trial() -> None:
    assert {path.stem for path in MUTANTS.glob("*.patch")} == {mutant.patch for mutant in BROKEN}
