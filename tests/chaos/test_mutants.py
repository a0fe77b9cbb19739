"""A checker that finds nothing may be blind: broken services must be found guilty, and the real one must not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
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
    """A service with one thing broken on purpose."""

    patch: str
    faults: Sequence[str]
    """Under which it shows, in a run that the real service passes."""
    guilty_of: str
    what: str
    """What the checker must say."""
    seconds: float = 20


BROKEN = (
    Mutant("pairing-without-condition", ["redis-stale"], "I1", "live matches at once"),
    Mutant("outbox-without-confirm", ["rabbitmq-stopped"], "I3", "never arrived", seconds=30),
    Mutant("session-without-owner", ["redis-stale"], "I6", "a stranger's session was answered 200"),
)


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


async def verdict_on(source: Path, faults: Sequence[str], folder: Path, *, seconds: float) -> Verdict:
    """Of a short run of what is in *source*."""
    folder.mkdir()
    said: list[str] = []
    plan = ChaosPlan(seed=5, seconds=seconds, rate=20, faults=faults, fsync=False, source=source)
    await play(plan, folder, said.append)
    evidence = Evidence.read(folder)
    assert {fault.name for fault in evidence.faults} == set(faults), said
    return judge(evidence)


@pytest.mark.parametrize("mutant", BROKEN, ids=lambda mutant: mutant.patch)
async def test_a_broken_service_is_found_guilty(mutant: Mutant, tmp_path: Path) -> None:
    source = copy_of_the_service(tmp_path / "source")
    apply(MUTANTS / f"{mutant.patch}.patch", source)
    assert changed(source)
    verdict = await verdict_on(source, mutant.faults, tmp_path / "evidence", seconds=mutant.seconds)
    assert any(mutant.what in one.what for one in verdict.finding(mutant.guilty_of).violations)


async def test_the_service_as_it_is_is_found_innocent(tmp_path: Path) -> None:
    faults = sorted({name for mutant in BROKEN for name in mutant.faults})
    verdict = await verdict_on(PROJECT, faults, tmp_path / "evidence", seconds=max(one.seconds for one in BROKEN))
    found = {one.number: one.violations for one in verdict.findings if one.violations and one.number not in TIMED}
    assert found == {}


def test_every_patch_has_its_trial() -> None:
    assert {path.stem for path in MUTANTS.glob("*.patch")} == {mutant.patch for mutant in BROKEN}
