"""What handlers may ask of the actors."""

from __future__ import annotations

from typing import Protocol

from actors.matchmaker import Preparing
from actors.messages import Confirmed
from domain.ids import MatchId, RequestId, SessionId, UserId
from domain.request import Admission, Bucket
from domain.requeue import Ending
from domain.session import Session


class FrontDoor(Protocol):
    """The part of :class:`actors.matchmaker.Matchmaker` that is used here; errors as there."""

    async def find(self, user_id: UserId, bucket: Bucket) -> Admission: ...

    async def cancel(self, user_id: UserId, request_id: RequestId) -> None: ...

    async def confirm(self, user_id: UserId, match_id: MatchId) -> Confirmed | Preparing | Session: ...

    async def decline(self, user_id: UserId, match_id: MatchId) -> Ending: ...

    async def leave(self, user_id: UserId, session_id: SessionId) -> bool: ...
