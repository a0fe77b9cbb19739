"""What is installed is what was locked, byte by byte, and the locks are of what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PYPROJECT["optional-dependencies"]
OURS = PYPROJECT["name"]

LOCKS: Final = {
    "requirements.image.lock": PYPROJECT["dependencies"],
    "requirements.run.lock": PYPROJECT["dependencies"] + EXTRAS["servers"],
    "requirements.lock": PYPROJECT["dependencies"] + EXTRAS["servers"] + EXTRAS["dev"],
}
"""What each is made from."""

PIN = re.compile(
    r"(?P<pin>[a-z0-9-]+==\S+)(?: ; (?P<marker>.+?))?(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)


def pins(name: str) -> list[Requirement]:
    """Every line of a lock; fails for one that is anything but a pin with hashes."""
    text = (PROJECT / name).read_text()
    found = list(PIN.finditer(text))
    rest = [line for line in PIN.sub("", text).splitlines() if not line.startswith("#")]
    assert rest == [], "neither an index, nor an option, nor a pin without a hash"
    return [Requirement(f"{one['pin']} ; {one['marker']}" if one["marker"] else one["pin"]) for one in found]


def versions(name: str) -> dict[str, set[str]]:
    """By package, the pins of a lock with their markers."""
    found: dict[str, set[str]] = {}
    for pin in pins(name):
        found.setdefault(canonicalize_name(pin.name), set()).add(str(pin.specifier))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_a_pin_with_hashes_and_no_index_is_named(name: str) -> None:
    assert len(pins(name)) > 20
    assert not re.search(r"https?:|index|find-links|@", (PROJECT / name).read_text())


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_everything_that_is_asked_for_in_a_version_that_will_do(name: str) -> None:
    locked: dict[str, list[Requirement]] = {}
    for pin in pins(name):
        locked.setdefault(canonicalize_name(pin.name), []).append(pin)
    for asked in map(Requirement, LOCKS[name]):
        if asked.name == OURS:
            continue
        candidates = locked.get(canonicalize_name(asked.name), [])
        assert candidates, asked
        for pin in candidates:
            assert asked.specifier.contains(str(pin.specifier).removeprefix("==")), asked


@pytest.mark.parametrize("name", ["requirements.image.lock", "requirements.run.lock"])
def test_the_smaller_locks_pin_what_the_whole_one_pins(name: str) -> None:
    """So that what was tested and audited is what is deployed."""
    whole = versions("requirements.lock")
    for package, pinned in versions(name).items():
        assert pinned <= whole[package], package


def test_the_image_has_neither_servers_nor_tools_of_developers() -> None:
    tools = {canonicalize_name(Requirement(text).name) for text in EXTRAS["servers"] + EXTRAS["dev"]}
    assert tools & versions("requirements.image.lock").keys() <= {"packaging"}, "which limits needs as well"


@pytest.mark.parametrize("path", ["run", "Dockerfile"])
def test_nothing_is_installed_without_its_hash(path: str) -> None:
    text = re.sub(r" \\\n\s*", " ", (PROJECT / path).read_text())
    installing = [line for line in text.splitlines() if re.search(r"pip (install|sync).*(lock|-r )", line)]
    assert installing
    assert all("--require-hashes" in line for line in installing), installing
