"""After PostgreSQL was away for long, nobody is punished for not having confirmed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from actors.messages import ConfirmTimeElapsed, SweepTimeElapsed
from actors.supervisor import MatchSupervisor
from domain.match import MatchState
from tests.actors.stage import Stage
from tests.actors.waiting import a_few_turns, eventually
from tests.builders import ANN, BEN
from tests.fakes.store import CONFIRM_SECONDS, FakeStore


async def test_a_deadline_that_passed_during_an_outage_is_moved_before_anybody_is_found_overdue(
    stage: Stage, store: FakeStore
) -> None:
    match = await stage.match_of(ANN, BEN)
    janitor = stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    store.postgres.away = True
    janitor.tell(SweepTimeElapsed())
    await a_few_turns()
    store.clock.advance(CONFIRM_SECONDS + 60)
    store.postgres.away = False
    with capture_logs() as lines:
        janitor.tell(SweepTimeElapsed())
        await eventually(lambda: len(stage.meter.censuses) == 2)
    assert stage.match_now(match).state is MatchState.PROPOSED
    [line] = [line for line in lines if line["action"] == "outage"]
    assert line["count"] == 1
    await stage.matchmaker.confirm(ANN, match.id)
    await stage.matchmaker.confirm(BEN, match.id)
    assert stage.match_now(match).state is MatchState.READY


async def test_a_reminder_that_finds_the_deadline_moved_waits_for_it_and_does_not_ask_again_and_again(
    stage: Stage, store: FakeStore
) -> None:
    match = await stage.match_of(ANN, BEN)
    row, now = store.tables.matches[match.id], datetime.now(UTC)
    row.value = replace(row.value, deadline=now + timedelta(seconds=90))
    stage.supervisor.tell(ConfirmTimeElapsed(match.id))
    await a_few_turns()
    supervisor = stage.supervisor._resident
    assert isinstance(supervisor, MatchSupervisor)
    left = supervisor._deadlines[match.id].when() - asyncio.get_running_loop().time()
    assert left == pytest.approx(90, abs=2)


async def test_how_far_our_clock_is_from_postgresqls_is_told(stage: Stage) -> None:
    stage.start_janitor()
    await eventually(lambda: stage.meter.censuses)
    assert stage.meter.ahead == 0
