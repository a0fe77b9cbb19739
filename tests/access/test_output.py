"""The search for secrets in everything that is written has to be able to find them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from service.settings import DEV_SECRET
from tests.access.leaks import Known, Leak, leaks_in
from tests.e2e.replica import PROJECT

SECRET = b"a-secret-that-only-this-test-knows-0123456789"
PASSWORD = b"0123456789abcdef"
TOKEN = jwt.encode({"sub": "ann"}, SECRET, "HS256").encode()
SIGNATURE = TOKEN.rpartition(b".")[2]
OPEN = jwt.encode({"sub": "ann"}, DEV_SECRET, "HS384").encode()

LEAKS: dict[str, tuple[bytes, set[Leak]]] = {
    "a token": (b"GET /ws?token=" + TOKEN + b" 101", {Leak.TOKEN, Leak.SIGNATURE}),
    "a token of others": (b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", {Leak.TOKEN}),
    "a signature alone": (b"bad signature " + SIGNATURE, {Leak.SIGNATURE}),
    "a signing secret": (b"{'auth_access_secret': '" + SECRET + b"'}", {Leak.SECRET}),
    "a DSN": (b"connecting to postgresql://postgres:x@127.0.0.1:5432/db", {Leak.CREDENTIALS}),
    "a DSN without a user": (b"redis://:x@h", {Leak.CREDENTIALS}),
    "a server's password": (b"password=" + PASSWORD, {Leak.PASSWORD}),
    "several": (SECRET + b"\n" + PASSWORD, {Leak.SECRET, Leak.PASSWORD}),
    "a token beside an open one": (OPEN + b" " + TOKEN, {Leak.TOKEN, Leak.SIGNATURE}),
}
INNOCENT = {
    "what was hidden": b"amqp://***@h/ and ?token=***, Bearer ***, postgresql://u:***@h",
    "a URL": b"http://127.0.0.1:8002/api/v1/matching and a@b.example",
    "two tokens that everybody can sign": OPEN + b"\n" + OPEN,
    "an id": b"01a21245-a321-7093-ad72-ce736cafb4b8",
    "a digest": b"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}


@pytest.fixture
def known() -> Known:
    known = Known(signatures={SIGNATURE, OPEN.rpartition(b".")[2]}, passwords={PASSWORD})
    known.note_secret(SECRET)
    return known


@pytest.mark.parametrize("what", LEAKS)
def test_a_leak_is_found_and_named(known: Known, what: str) -> None:
    text, leaks = LEAKS[what]
    assert leaks_in(b"{ a line before\n" + text + b"\na line after }", known) == leaks


@pytest.mark.parametrize("what", INNOCENT)
def test_what_gives_nothing_away_is_no_leak(known: Known, what: str) -> None:
    assert leaks_in(INNOCENT[what], known) == set()


def test_a_short_secret_is_a_word_like_any_other(known: Known) -> None:
    known.note_secret(b"secretkey")
    assert leaks_in(b"the secretkey of a test", known) == set()


CONFTEST = """
import pytest
from tests.access.whole_output import WholeOutput

def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(WholeOutput(config))
"""

# Everything is made up when it runs, so that neither this page nor a traceback has it.
LEAKY = """
import asyncio, logging, subprocess, sys
from pathlib import Path
import jwt
from service.embedded.datadir import DataDir

SECRET = "-".join(["a", "secret", "of", "more", "than", "32", "bytes", "in", "all"])
TOKEN = jwt.encode({"sub": "ann"}, SECRET)
PRINT = [sys.executable, "-c", "import sys; print(sys.argv[1])"]

def test_nothing(): print("hello")
def test_print(): print(TOKEN)
def test_log(): logging.getLogger("x").warning("signed with %s", SECRET)
def test_file(tmp_path): (tmp_path / "replica.log").write_text("at postgresql://u:" + "pw" + "@h/db")
def test_settings(tmp_path): (tmp_path / ".env").write_text("DATABASE_URL=postgresql://u:" + "pw" + "@h/db")
def test_child(): subprocess.run([*PRINT, TOKEN.rpartition(".")[2]], stdout=subprocess.PIPE)

def test_child_of_the_loop():
    async def ask():
        child = await asyncio.create_subprocess_exec(*PRINT, SECRET, stdout=subprocess.PIPE)
        await child.communicate()
    asyncio.run(ask())

def test_server(tmp_path):
    data = DataDir(tmp_path / "data")
    data.open()
    (data.logs / "postgres.log").write_text("as " + data.secret("postgres"))
    data.erase()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: the run that this is in would search it too."""
    with tempfile.TemporaryDirectory(prefix="peerprep-leaky-") as folder:
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        (Path(folder) / "test_leaky.py").write_text(LEAKY)
        yield Path(folder)


def run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """A run of pytest of its own."""
    place = [f"--rootdir={folder}", f"--basetemp={folder}/tmp", "-pno:cacheprovider", "-q", "-c", os.devnull]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *place, *(f"{folder}/test_leaky.py::{name}" for name in tests)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )


FOUND = {
    "test_print": ("Captured stdout call", Leak.TOKEN),
    "test_log": ("Captured log call", Leak.SECRET),
    "test_file": ("replica.log", Leak.CREDENTIALS),
    "test_child": ("what was printed by", Leak.SIGNATURE),
    "test_child_of_the_loop": ("what was printed by", Leak.SECRET),
    "test_server": ("postgres.log", Leak.PASSWORD),
}


@pytest.mark.timeout(180)  # another pytest starts, on a machine that may be busy
def test_a_run_fails_for_what_its_tests_gave_away_and_does_not_repeat_it(folder: Path) -> None:
    done = run(folder, *FOUND)
    assert done.returncode == 1, done.stdout
    assert f"{len(FOUND)} passed" in done.stdout
    told = done.stdout.partition("SECRETS IN THE OUTPUT")[2].splitlines()
    for where, leak in FOUND.values():
        assert any(where in line and leak in line for line in told), (where, leak, told)
    assert not any(text in done.stdout for text in ("a-secret-of", "eyJ", ":pw@"))


@pytest.mark.timeout(180)
def test_a_run_that_gave_nothing_away_passes_and_settings_are_no_output(folder: Path) -> None:
    done = run(folder, "test_nothing", "test_settings")
    assert done.returncode == 0, done.stdout
    assert "searched for secrets" in done.stdout
    assert "SECRETS" not in done.stdout
