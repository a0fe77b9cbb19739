from __future__ import annotations

import aiohttp
import pytest
from playwright.async_api import expect

from tests.browser.desk import Desk
from tests.e2e.replica import Replica, running

REQUEST = "/api/v1/matching/request"


async def test_two_people_click_their_way_into_a_session(desk: Desk, service: Replica) -> None:
    page = await desk.open()
    one, other = await desk.seats(page)
    ada, ben = desk.names
    await one.find()
    await one.reads(f"Looking for somebody in easy {desk.topic}.")
    await expect(one.place.locator(".position")).to_have_text("1")
    bucket = page.locator(".buckets tr", has_text=desk.topic)
    await expect(bucket.locator("b")).to_have_text("1")
    await expect(page.locator(".mailboxes tr", has_text="BucketActor")).to_be_visible()

    await other.find()
    await one.reads(f"{ben} wants easy {desk.topic}, too.")
    await one.press("Confirm")
    await one.reads(f"You said yes. Now {ben}.")
    await other.reads(f"{ada} said yes. And you?")
    await expect(bucket).to_have_count(0)
    await other.press("Confirm")

    await one.reads(f"You work with {ben}.")
    await other.reads(f"You work with {ada}.")
    await one.heard("match_found", "match_ready")
    await other.heard("match_found", "partner_confirmed", "match_ready")
    title = one.place.locator(".question .title")
    await expect(title).to_contain_text(desk.topic)
    assert await other.place.locator(".question .title").inner_text() == await title.inner_text()
    session_id = await one.place.locator("code.session").get_attribute("title") or "none"
    event = page.locator(".events li").first
    await expect(event).to_contain_text("match.found")
    await event.click()
    await expect(event.locator("pre")).to_contain_text(session_id)

    await other.press("Leave")
    await other.is_at("idle")
    await one.reads(f"{ben} has left.")
    await one.press("Leave")
    await one.is_at("idle")
    assert desk.strangers(service.url) == []


async def test_whose_partner_declines_is_back_in_the_queue(desk: Desk) -> None:
    one, other = await desk.seats(await desk.open())
    ben = desk.names[1]
    await one.find()
    await one.is_at("searching")
    await other.find()
    await other.press("Decline")
    await other.reads("You declined. Your partner waits again.")
    await one.reads(f"{ben} declined. You are back at your old place.")
    await one.is_at("searching")
    await expect(one.place.locator(".position")).to_have_text("1")
    await one.press("Cancel")
    await one.is_at("idle")


async def test_a_search_can_be_cancelled(desk: Desk) -> None:
    page = await desk.open()
    one, _ = await desk.seats(page)
    await one.find()
    await one.press("Cancel")
    await one.reads("Search cancelled.")
    await expect(page.locator(".buckets tr", has_text=desk.topic)).to_have_count(0)


async def test_a_double_click_asks_once_and_cancels_nothing(desk: Desk) -> None:
    one, _ = await desk.seats(await desk.open())
    await one.choose()
    await one.button("Find a partner").dblclick()
    await one.is_at("searching")
    await expect(one.place.locator(".position")).to_have_text("1")
    assert desk.posted(REQUEST) == 1
    await one.press("Cancel")


async def test_a_reload_resumes_a_match_and_then_a_session(desk: Desk) -> None:
    page = await desk.open()
    one, other = await desk.seats(page)
    ben = desk.names[1]
    await one.find()
    await one.is_at("searching")
    await other.find()
    await one.press("Confirm")
    await one.is_at("waiting")
    await page.reload()
    await one.reads(f"You said yes. Now {ben}.")
    await other.is_at("matched")
    await other.press("Confirm")
    await one.is_at("session")
    await page.reload()
    await one.reads(f"You work with {ben}.")
    await expect(one.place.locator(".question .title")).to_contain_text(desk.topic)


async def test_both_tabs_of_a_user_get_every_frame(desk: Desk) -> None:
    first = await desk.open()
    one, other = await desk.seats(first)
    second = await desk.open()
    again, _ = await desk.seats(second)
    await one.find()
    await one.is_at("searching")
    await other.find()
    await one.is_at("matched")
    await again.is_at("matched")
    await again.press("Confirm")
    await other.press("Confirm")
    for seat in (one, again):
        await seat.is_at("session")
        await seat.heard("match_ready")


async def test_they_meet_by_themselves(desk: Desk) -> None:
    page = await desk.open()
    one, other = await desk.seats(page)
    await one.choose("hard")
    await page.get_by_role("button", name="Let them meet").click()
    await expect(page.locator(".steps [aria-current]")).to_have_text("One asks, and waits in a bucket")
    await one.is_at("matched")
    await expect(one.place.locator(".facts")).to_contain_text(f"hard {desk.topic}")
    await other.is_at("session")
    await one.is_at("session")
    await expect(page.locator(".steps [aria-current]")).to_have_text("The session opens")
    await expect(page.get_by_role("button", name="Let them meet")).to_have_attribute("aria-disabled", "false")


async def test_the_keyboard_is_enough(desk: Desk) -> None:
    page = await desk.open()
    one, _ = await desk.seats(page)
    await one.choose()
    await page.keyboard.press("Enter")
    await one.is_at("searching")
    await expect(one.place.locator(".stage")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(one.button("Cancel")).to_be_focused()
    await page.keyboard.press("Enter")
    await one.is_at("idle")


async def test_a_refusal_is_told_as_a_sentence(desk: Desk) -> None:
    one, other = await desk.seats(await desk.open())
    await one.place.get_by_label("Topic").fill("what?")
    await one.press("Find a partner")
    await expect(one.place.get_by_role("alert")).to_contain_text("Not a topic: a topic is made of letters")
    await other.place.get_by_label("User id").fill("two words")
    await other.place.get_by_label("User id").press("Enter")
    await expect(other.place.get_by_role("alert")).to_contain_text("A user id has 1 to 128 characters")


async def test_a_missing_broker_is_explained(desk: Desk) -> None:
    page = await desk.open()
    await expect(page.locator("[data-server=postgres] .state")).to_have_text("ok")
    await expect(page.locator("[data-server=rabbitmq] .state")).to_have_text("not configured")
    await expect(page.locator(".advice")).to_contain_text("install rabbitmq-server")


@pytest.mark.parametrize("width", [360, 700, 1280])
async def test_nothing_sticks_out(desk: Desk, width: int) -> None:
    page = await desk.open()
    await page.set_viewport_size({"width": width, "height": 844})
    await desk.seats(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_outside_development_there_is_no_such_page(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    questions = {"QUESTION_SERVICE_URL": "http://127.0.0.1:9"}
    async with (
        running(Replica(tmp_path_factory.mktemp("strict"), **environment, **questions)) as (replica,),
        aiohttp.ClientSession(replica.url) as http,
    ):
        async with http.get("/") as response:
            assert response.content_type == "application/json"
        for method, path in (("GET", "/dev/state"), ("POST", "/dev/token"), ("GET", "/static/demo/demo.js")):
            async with http.request(method, path, json={"user_id": "ada"}) as response:
                assert response.status == 404, path
