"""The pages in a real Chromium, over the real service with private servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.async_api import Browser, async_playwright

from service.embedded import Servers
from service.embedded.databases import fresh_database
from tests.browser.desk import Desk
from tests.e2e.replica import Replica, running

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

_numbers = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def chromium() -> str:
    """Where Chromium is."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or not _driver_runs():
        reason = "NO BROWSER: apt-get install chromium libatomic1 to run the tests that need one"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return str(found)


def _driver_runs() -> bool:
    """Whether Playwright's own driver starts: it wants a library that a minimal Debian lacks."""
    return subprocess.run([*compute_driver_executable(), "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="package")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A headless Chromium with a profile of its own, gone afterwards."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, headless=True, args=list(SWITCHES))
        yield browser
        await browser.close()


@pytest.fixture(scope="package")
async def environment(servers: Servers, postgres_url: str) -> AsyncIterator[dict[str, str]]:
    """Where the servers of the pages' service are; no RabbitMQ, so that events wait."""
    assert servers.urls.redis_url is not None
    async with fresh_database(postgres_url) as database_url:
        yield {"DATABASE_URL": database_url, "REDIS_URL": servers.urls.redis_url}


@pytest.fixture(scope="package")
async def service(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replica]:
    """The service of a developer."""
    async with running(Replica(tmp_path_factory.mktemp("dev"), **environment, ENV="dev")) as (replica,):
        yield replica


@pytest.fixture
async def desk(browser: Browser, service: Replica) -> AsyncIterator[Desk]:
    """A browser window with two people and a topic of this test's own; complains of every complaint in it."""
    context = await browser.new_context(base_url=service.url, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(10_000)
    desk = Desk(context, number=next(_numbers))
    await desk.prepare()
    yield desk
    await context.close()
    assert not desk.complaints, "\n".join(desk.complaints)
