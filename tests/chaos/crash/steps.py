"""Where a process can be made to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from domain.match import MatchState
from messaging.rabbitmq import RabbitPublisher
from persistence.postgres.matches import PostgresMatches
from persistence.postgres.openings import PostgresOpenings
from persistence.postgres.outbox import PostgresOutbox
from persistence.postgres.proposals import PostgresProposals
from persistence.postgres.requests import PostgresRequests
from persistence.redis.queue import RedisQueue
from persistence.redis.sessions import RedisSessions

Test = Callable[[Sequence[Any], Any], bool]
"""Whether a call with these arguments and this outcome is the step; before the call there is no outcome."""


class Story(StrEnum):
    """What people do; the process dies on the way."""

    SESSION = "session"
    """Two are paired, confirm, and are in a session."""
    CANCEL = "cancel"
    """The first cancels while waiting; then the second comes."""
    DECLINE = "decline"
    """The first declines the match: the second waits again."""
    EXPIRE = "expire"
    """The first confirms, the second does not: the first waits again."""
    TIME_OUT = "time out"
    """Nobody comes for the first."""
    LEAVE = "leave"
    """The first leaves the session."""
    LEAVE_BOTH = "leave both"
    """Both leave it, one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call of an adapter's method."""

    owner: type
    method: str
    when: Test = lambda _, outcome: bool(outcome)
    nth: int = 1
    before: bool = False
    """The process ends before the call instead of after it."""
    story: Story = Story.SESSION
    hesitate: bool = False
    """Whether nobody confirms before the process has ended."""
    leaves_marks: bool = False
    """The step's work is a mark in the tables, that somebody was told or something published."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the replica that ends."""


def _people_join(arguments: Sequence[Any], _: object) -> bool:
    return bool(arguments[1])


def _always(_: Sequence[Any], __: object) -> bool:
    return True


def _told(state: MatchState) -> Test:
    return lambda arguments, _: any(told == state for _, told in arguments[0])


def _confirmed(state: MatchState) -> Test:
    return lambda _, outcome: any(one is not None and one[0].state == state for one in outcome)


def _ended(state: MatchState) -> Test:
    return lambda arguments, outcome: arguments[0].state == state and outcome is not None


def _insert(nth: int = 1) -> Step:
    return Step(owner=PostgresRequests, method="add", nth=nth)


def _zadd(nth: int = 1) -> Step:
    return Step(owner=RedisQueue, method="join", when=_people_join, nth=nth)


def _mark(state: MatchState, *, hesitate: bool = False) -> Step:
    test = _told(state)
    return Step(
        owner=PostgresMatches, method="mark_told", when=test, before=True, hesitate=hesitate, leaves_marks=True
    )  # fmt: skip


def _confirm(state: MatchState) -> Step:
    return Step(owner=PostgresMatches, method="confirm", when=_confirmed(state))


def _end(state: MatchState, story: Story, **settings: str) -> Step:
    return Step(owner=PostgresMatches, method="end", when=_ended(state), story=story, settings=settings)


def _leave(nth: int, story: Story) -> Step:
    return Step(owner=PostgresOpenings, method="leave", nth=nth, story=story)


STEPS: Final[Mapping[str, Step]] = {
    "after_insert": _insert(),
    "after_second_insert": _insert(2),
    "after_zadd": _zadd(),
    "after_second_zadd": _zadd(2),
    "after_pair": Step(owner=PostgresProposals, method="propose", when=lambda _, verdict: bool(verdict.matches)),
    "after_zrem": Step(owner=RedisQueue, method="remove", when=_always),
    "before_mark_found": _mark(MatchState.PROPOSED, hesitate=True),
    "after_confirm": _confirm(MatchState.PROPOSED),
    "after_second_confirm": _confirm(MatchState.CONFIRMED),
    "after_question": Step(owner=PostgresOpenings, method="keep_question"),
    "after_hset": Step(owner=RedisSessions, method="create", when=_always),
    "after_ready": Step(owner=PostgresOpenings, method="ready"),
    "before_mark_ready": _mark(MatchState.READY),
    "after_claim": Step(owner=PostgresOutbox, method="claim"),
    "after_publish": Step(owner=RabbitPublisher, method="publish", leaves_marks=True),
    "after_withdraw": Step(owner=PostgresRequests, method="withdraw", story=Story.CANCEL),
    "after_decline": _end(MatchState.DECLINED, Story.DECLINE),
    "after_expire": _end(MatchState.EXPIRED, Story.EXPIRE, CONFIRM_MATCH_TIMEOUT_SECONDS="1.5"),
    "after_time_out": Step(
        owner=PostgresRequests, method="time_out", story=Story.TIME_OUT, settings={"MATCHING_TIMEOUT_SECONDS": "1"}
    ),
    "after_leave": _leave(1, Story.LEAVE),
    "after_second_leave": _leave(2, Story.LEAVE_BOTH),
}
"""By the value of ``CRASH_AT``, in the order in which they come."""
