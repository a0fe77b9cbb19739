"""At the end of every run of pytest, a look for secrets in everything that the tests made somebody write.

Searched are what tests printed and logged, what child processes printed that a test waited for, the logs of private
servers, and every file below pytest's temporary folder.  Not searched is what holds secrets on purpose: settings that
a test wrote for the service, and the private servers' own state.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.access.leaks import Leak, leaks_in
from tests.access.overhearing import Ear

KEPT_ON_PURPOSE: Final = frozenset({".env", "state.json", "urls.env", "town.log"})
"""Only their owner reads them; the last is what libraries say in the process that breaks things, of its own servers."""

NOT_SAID: Final = frozenset({"cluster", "source", "planted"})
"""Folders of databases, of copied source, and of what a test planted there to be found."""


class WholeOutput:
    """The plugin; one per run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ear = Ear()
        self._ear.listen()
        self._found: list[tuple[str, set[Leak]]] = []
        self._summary = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test printed and logged; never the traceback, which quotes the test itself."""
        if report.when == "teardown":
            for name, text in report.sections:
                self._ear.hear(f"{report.nodeid}, {name}", text)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Search, and fail the run for what is found."""
        began, size, pieces = time.perf_counter(), 0, 0
        for where, text in self._everything():
            size, pieces = size + len(text), pieces + 1
            if leaks := leaks_in(text, self._ear.known):
                self._found.append((where, leaks))
        seconds = time.perf_counter() - began
        self._summary = f"{pieces} outputs, {size / 1e6:.1f} MB, searched for secrets in {seconds:.2f} s"
        if self._found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where, and of which kind; never what."""
        if self._found:
            terminalreporter.section("SECRETS IN THE OUTPUT", red=True, bold=True)
            for where, leaks in self._found:
                terminalreporter.line(f"{where}: {', '.join(sorted(leaks))}")
        terminalreporter.line(self._summary)

    def _everything(self) -> Iterator[tuple[str, bytes]]:
        yield from self._ear.heard
        for path in _files(self._config):
            yield str(path), path.read_bytes()


def _files(config: pytest.Config) -> Iterator[Path]:
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]  # no fixture outside a test
    base = factory.getbasetemp()
    for path in base.rglob("*"):
        is_output = path.is_file() and path.name not in KEPT_ON_PURPOSE
        if is_output and NOT_SAID.isdisjoint(path.relative_to(base).parts):
            yield path
