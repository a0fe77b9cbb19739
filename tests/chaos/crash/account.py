"""What one person was told: all that a client knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Body = Mapping[str, Any]

EXPECTED: Final[Mapping[str, Sequence[int]]] = {
    "request": (200, 201, 409),
    "confirm": (200, 202),
    "decline": (200,),
    "cancel": (200,),
    "leave": (200,),
    "status": (200,),
    "read": (200,),
}
"""Every status that a call of these stories may be answered with, 5xx aside."""

LOST: Final = (1001, 1005, 1006, 1012)
"""Close codes that say no more than that the connection is gone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A call that was answered with anything but a 5xx: what it says must stay true."""

    name: str
    """As in :data:`EXPECTED`."""
    status: int
    body: Body

    @property
    def is_expected(self) -> bool:
        return self.status in EXPECTED[self.name]


@dataclass(slots=True)
class Account:
    """Frames and answers of one person, in the order in which they came."""

    user_id: str
    frames: list[Body] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)
    """The codes with which sockets were closed."""

    def of(self, kind: str) -> list[Body]:
        """The frames of this type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def answered(self, name: str, *statuses: int) -> list[Body]:
        """The bodies of such answers, of any status or one of these."""
        return [one.body for one in self.answers if one.name == name and (not statuses or one.status in statuses)]

    @property
    def state(self) -> Body:
        """The latest ``state`` frame; empty before the first."""
        states = self.of("state")
        return states[-1] if states else {}

    @property
    def request_ids(self) -> set[str]:
        """Every id that a request of this person's was said to have."""
        answers = [body["id"] for body in self.answered("request", 200, 201)]
        return {*answers, *(frame["request"]["id"] for frame in self.of("state") if frame["request"])}

    @property
    def match_ids(self) -> set[str]:
        """Every match this person was said to be in."""
        return set(_ids("match_id", self._everything()))

    @property
    def session_ids(self) -> set[str]:
        """Every session this person was said to be in."""
        return set(_ids("session_id", self._everything()))

    @property
    def question_ids(self) -> set[str]:
        """Every question this person was given."""
        nested = (body["question"] for body in self._everything() if body.get("question"))
        return {*_ids("question_id", self._everything()), *_ids("id", nested)}

    @property
    def partner_ids(self) -> set[str]:
        """Everybody this person was said to be matched with."""
        return set(_ids("partner_id", self._everything()))

    @property
    def session_id(self) -> str:
        """The session this person was told of by a frame; empty before."""
        frames = [*self.of("match_ready"), *(state["session"] for state in self.of("state") if state["session"])]
        return str(frames[-1]["session_id"]) if frames else ""

    @property
    def ending(self) -> Body:
        """How this person learnt that the match is over: ``match_expired``, or a ``state`` that has it no more."""
        if expired := self.of("match_expired"):
            return expired[-1]
        known = bool(self.match_ids)
        return self.state if known and self.state.get("match") is None else {}

    def _everything(self) -> list[Body]:
        """Bodies and frames, and what a ``state`` holds, that may name a match or a session."""
        inner = [state[part] for state in self.of("state") for part in ("match", "session") if state[part]]
        return [*(one.body for one in self.answers), *self.frames, *inner]


def _ids(name: str, bodies: Iterable[Body]) -> Iterable[str]:
    return (str(body[name]) for body in bodies if body.get(name))
