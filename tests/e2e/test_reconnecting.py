"""Whoever reconnects has missed nothing: ``state`` says where they stand."""

from __future__ import annotations

from tests.e2e.client import Crowd
from tests.e2e.conftest import Moody
from tests.e2e.scenes import enter, meet, waiting
from tests.e2e.waiting import until

NOTHING = {"type": "state", "request": None, "match": None, "session": None}


async def test_with_nothing_going_on_the_state_is_empty(crowd: Crowd) -> None:
    assert await crowd.user("alice").reload() == NOTHING


async def test_while_waiting_the_state_has_the_request(crowd: Crowd, topic: str) -> None:
    alice = crowd.user("alice")
    asked = (await alice.find(topic)).expect(201)
    del asked["user_id"]
    assert await alice.reload() == NOTHING | {"request": asked | {"match_id": None}}
    assert await alice.reload() == NOTHING | {"request": asked | {"match_id": None}}
    (await alice.cancel(asked["id"])).expect(200)
    assert await alice.reload() == NOTHING


async def test_a_page_reloaded_while_matched_goes_on_where_it_was(crowd: Crowd, topic: str) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    match_id = await meet(alice, bob, topic)
    found = bob.tabs[0].of("match_found")[0]
    state = await bob.reload()
    assert state["session"] is None
    assert (state["request"]["status"], state["request"]["match_id"]) == ("matched", match_id)
    open_match = {name: value for name, value in found.items() if name != "type"}
    flags = {"status": "proposed", "you_confirmed": False, "partner_confirmed": False}
    assert state["match"] == open_match | flags
    (await alice.confirm(match_id)).expect(200)
    await bob.frame("partner_confirmed")
    assert (await bob.reload())["match"] == open_match | flags | {"partner_confirmed": True}
    mine = (await alice.reload())["match"]
    assert (mine["you_confirmed"], mine["partner_confirmed"]) == (True, False)
    (await bob.confirm(match_id)).expect(200)
    ready = await alice.frame("match_ready")
    assert (await bob.frame("match_ready"))["session_id"] == ready["session_id"]


async def test_while_the_session_is_prepared_the_state_has_the_confirmed_match(moody: Moody, topic: str) -> None:
    alice, bob = await moody.crowd.connected("alice"), await moody.crowd.connected("bob")
    released = moody.questions.holds()
    match_id = await meet(alice, bob, topic)
    (await alice.confirm(match_id)).expect(200)
    (await bob.confirm(match_id)).expect(202)
    state = await alice.reload()
    assert (state["match"]["match_id"], state["match"]["status"]) == (match_id, "confirmed")
    assert (state["match"]["you_confirmed"], state["match"]["partner_confirmed"]) == (True, True)
    assert (state["request"]["status"], state["session"]) == ("matched", None)
    released.set()
    assert (await alice.frame("match_ready"))["match_id"] == match_id


async def test_in_a_session_the_state_has_the_session_until_it_is_left(crowd: Crowd, topic: str) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    ready = await enter(alice, bob, topic)
    active = (await alice.active()).expect(200)
    assert await alice.reload() == NOTHING | {"session": active}
    assert active["session_id"] == ready["session_id"]
    (await alice.leave(ready["session_id"])).expect(200)
    assert await alice.reload() == NOTHING
    assert (await bob.reload())["session"]["session_id"] == ready["session_id"]


async def test_an_open_session_and_a_new_search_are_both_in_the_state(crowd: Crowd, topic: str) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    session_id = (await enter(alice, bob, topic))["session_id"]
    request_id = await waiting(alice, topic)
    state = await alice.reload()
    assert (state["session"]["session_id"], state["request"]["id"]) == (session_id, request_id)


async def test_every_tab_gets_every_event(crowd: Crowd, topic: str) -> None:
    alice, bob = await crowd.connected("alice"), await crowd.connected("bob")
    tabs = [*alice.tabs, await alice.connect(), await alice.connect()]  # on both replicas
    ready = await enter(alice, bob, topic)
    # What comes from one replica may overtake what comes from another.
    await until(lambda: all(tab.of("match_ready") for tab in tabs))
    (await bob.leave(ready["session_id"])).expect(200)
    for tab in tabs:
        await tab.frame("partner_left")
        assert [frame["type"] for frame in tab.frames] == ["state", "match_found", "match_ready", "partner_left"]
        assert tab.frames[1:] == tabs[0].frames[1:]
    await tabs[0].close()
    match_id = await meet(alice, bob, topic)
    assert (await tabs[1].frame("match_found"))["match_id"]
    (await bob.decline(match_id)).expect(200)
    for tab in tabs[1:]:
        assert (await tab.frame("match_expired"))["match_id"] == match_id
