"""Every named step, a few times each; ``python -m tests.chaos.crash`` does it a hundred times, and by the clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from typer.testing import CliRunner

from tests.chaos.__main__ import app
from tests.chaos.crash.attempt import Run, attempt
from tests.chaos.crash.lane import Variant, lane
from tests.chaos.crash.programme import CrashPlan, house, perform
from tests.chaos.crash.replica import CRASHED
from tests.chaos.crash.steps import STEPS
from tests.chaos.crash.user import Manner
from tests.chaos.plan import PROJECT

TIMES = 2

BUSY_SECONDS = 12.0
"""The limit here: the machine that runs the tests may be busy, and what must be true must be true all the same."""


@pytest.mark.chaos
@pytest.mark.rabbitmq
@pytest.mark.timeout(300)
async def test_whichever_step_was_the_last_nothing_is_lost_and_everything_goes_on(addresses: dict[str, str]) -> None:
    plan = CrashPlan(times=TIMES, side_by_side=10, limit_seconds=BUSY_SECONDS)
    done: list[Run] = []
    async with house(**addresses) as home:
        findings = await perform(plan, home, done.append)
    assert [(run.step, run.variant, run.manner, run.violations) for run in findings.runs if run.violations] == []
    assert findings.remains == []
    assert findings.is_clean
    assert done == findings.runs
    assert Counter((run.step, run.variant) for run in done) == {
        (step, variant): TIMES for step in STEPS for variant in Variant
    }


@pytest.mark.chaos
@pytest.mark.rabbitmq
async def test_a_service_that_does_not_look_for_what_was_left_behind_is_found_out(addresses: dict[str, str]) -> None:
    async with (
        house(**addresses, SWEEP_SECONDS="3600") as home,
        lane(home, Variant.TAKEOVER) as own,
    ):
        run = await attempt(own, "after_second_confirm", Manner.RELOADS, limit_seconds=2.0)
    assert run.crashed
    assert run.recovery_seconds > 2.0
    assert "the matches are ['confirmed'] instead of ['ready']" in run.violations
    assert "people do not know all that they are to know" in run.violations
    assert run.is_late


@pytest.mark.chaos
@pytest.mark.rabbitmq
async def test_what_was_left_undone_in_a_lane_is_found_at_its_end(addresses: dict[str, str]) -> None:
    async with house(**addresses) as home, lane(home, Variant.RESTART) as own:
        assert await own.inspect() == []
        own.topics.append("Orphans")
        await own.sql.execute(
            """INSERT INTO match_requests (id, user_id, difficulty, topic, expires_at)
               VALUES (gen_random_uuid(), 'left-behind', 'easy', 'Orphans', now() + interval '1 hour')"""
        )
        [remains] = await own.inspect(seconds=0.1)
    assert remains.endswith("is pending")


ADAPTER = """
import asyncio
from tests.chaos.crash.replica import arm
from tests.chaos.crash.steps import Step

class Adapter:
    async def write(self, what):
        print("wrote", what, flush=True)
        return what

arm(Step(owner=Adapter, method="write", when=lambda arguments, _: arguments[0] != "other", nth=2, before={before}))

async def main():
    for what in ("one", "other", "two", "three"):
        print("heard", await Adapter().write(what), flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize(("before", "last"), [(False, ["wrote two"]), (True, [])])
def test_a_process_ends_at_its_step_and_not_at_another_call(before: bool, last: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ADAPTER.format(before=before)],
        cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    heard = ["wrote one", "heard one", "wrote other", "heard other"]
    assert (ended.returncode, ended.stdout.splitlines()) == (CRASHED, heard + last)


def test_every_step_is_a_call_that_an_adapter_has() -> None:
    for name, step in STEPS.items():
        assert callable(getattr(step.owner, step.method)), name


def test_the_command_line_names_the_steps_that_there_are() -> None:
    told = CliRunner().invoke(app, ["crash", "--steps", "after_lunch"])
    assert told.exit_code == 2
    assert "after_lunch" in told.output
    assert "after_hset" in told.output
