from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.desk import Desk
from tests.e2e.replica import Replica

PROBE = "CSP script-src eval"
"""A bundle tries whether it may evaluate text; it may not, and does without."""
PAGES = {"/docs": "/api/v1/matching/request", "/docs/events": "match_found"}


@pytest.mark.parametrize("path", PAGES)
async def test_the_documentation_renders_without_a_network(desk: Desk, service: Replica, path: str) -> None:
    desk.forgiven.add(PROBE)
    page = await desk.open(path)
    await expect(page.locator("#api")).to_contain_text(PAGES[path])
    assert desk.strangers(service.url) == []


async def test_the_demo_leads_to_the_documentation(desk: Desk) -> None:
    page = await desk.open()
    await page.get_by_role("link", name="REST").click()
    await expect(page.locator("#api")).to_contain_text(PAGES["/docs"])
