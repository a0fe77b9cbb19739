"""The identifiers everything else is about."""

from typing import NewType

UserId = NewType("UserId", str)
"""The ``sub`` claim of the user's token: 1-128 characters, unique in PeerPrep."""

RequestId = NewType("RequestId", str)
"""A UUID in canonical text form, as all the ids below that we make ourselves."""

MatchId = NewType("MatchId", str)
SessionId = NewType("SessionId", str)
EventId = NewType("EventId", str)

QuestionId = NewType("QuestionId", str)
"""The Question Service's own id, passed on as text whatever it was there."""
