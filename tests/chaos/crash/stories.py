"""What people do.  A story ends when they know all that they are to know of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.chaos.crash.steps import Step, Story
from tests.chaos.crash.user import User


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is there."""

    step: Step
    first: User
    second: User
    crashed: asyncio.Event
    """The replica has ended."""


async def play(scene: Scene) -> None:
    """Play the story of the scene's step."""
    await _STORIES[scene.step.story](scene)


async def _meet(scene: Scene) -> None:
    await scene.first.ask()
    await scene.second.ask()
    for user in (scene.first, scene.second):
        await user.until(lambda account: account.match_ids)
    if scene.step.hesitate:
        await scene.crashed.wait()


async def _session(scene: Scene) -> None:
    await _meet(scene)
    for user in (scene.first, scene.second):
        await user.confirm()
    for user in (scene.first, scene.second):
        await user.until(lambda account: account.session_id)
        await user.read()


async def _cancel(scene: Scene) -> None:
    await scene.first.ask()
    await scene.first.cancel()
    await scene.second.ask()
    await scene.first.reload()


async def _decline(scene: Scene) -> None:
    await _meet(scene)
    await scene.first.decline()
    await _part(scene)


async def _expire(scene: Scene) -> None:
    await _meet(scene)
    await scene.first.confirm()
    await _part(scene)


async def _part(scene: Scene) -> None:
    for user in (scene.first, scene.second):
        await user.until(lambda account: account.ending)


async def _time_out(scene: Scene) -> None:
    await scene.first.ask()
    await scene.first.wait_for_time_out()


async def _leave(scene: Scene) -> None:
    await _session(scene)
    await scene.first.leave()


async def _leave_both(scene: Scene) -> None:
    await _leave(scene)
    await scene.second.leave()


_STORIES: Final[Mapping[Story, Callable[[Scene], Awaitable[None]]]] = {
    Story.SESSION: _session,
    Story.CANCEL: _cancel,
    Story.DECLINE: _decline,
    Story.EXPIRE: _expire,
    Story.TIME_OUT: _time_out,
    Story.LEAVE: _leave,
    Story.LEAVE_BOTH: _leave_both,
}
