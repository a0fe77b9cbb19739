from __future__ import annotations

import random

from tests.chaos.people.conftest import Build, Play, answer, caller_in, evidence_of
from tests.chaos.people.rumours import MEMORY, Rumours
from tests.chaos.people.strangers import TRIED, pry


def test_nobody_is_a_stranger_to_what_is_its_own() -> None:
    rumours, chance = Rumours(), random.Random(1)
    assert rumours.pick("match_id", "carol", chance) is None
    rumours.spread("match_id", "m1", "alice", "bob")
    assert [rumours.pick("match_id", who, chance) for who in ("alice", "bob", "carol")] == [None, None, "m1"]
    assert rumours.pick("session_id", "carol", chance) is None


def test_old_rumours_are_forgotten() -> None:
    rumours = Rumours()
    for number in range(MEMORY + 1):
        rumours.spread("request_id", f"r{number}", "alice")
    assert {rumours.pick("request_id", "bob", random.Random(seed)) for seed in range(1000)} == {
        f"r{number}" for number in range(1, MEMORY + 1)
    }


async def test_strangers_try_everything_and_say_so(puppet: Play, street: Build) -> None:
    replica = await puppet(*[answer(404)] * len(TRIED))
    place = street(replica.url)
    for kind in ("request_id", "match_id", "session_id"):
        place.rumours.spread(kind, f"the {kind}".replace(" ", "-"), "alice")
    await pry(list(TRIED), caller_in(place, "mallory"), place.rumours, random.Random(1))
    calls = evidence_of(place).operations
    assert [one.name for one in calls] == list(TRIED)
    assert all(one.sent["stranger"] is True and one.user_id == "mallory" for one in calls)
    assert [one.sent[TRIED[one.name][0]] for one in calls] == [f"the-{TRIED[name][0]}" for name in TRIED]
