"""How keys and channels are spelled.  The first two are read by others and fixed."""

from __future__ import annotations

from domain.ids import SessionId
from domain.request import Bucket


def queue_key(bucket: Bucket) -> str:
    """The sorted set of a bucket: member user id, score ``created_at`` as epoch seconds."""
    return f"queue:{bucket}"


def session_key(session_id: SessionId) -> str:
    """The hash of a session."""
    return f"session:{session_id}"


FRAMES_CHANNEL = "frames"
"""Where replicas pass frames to each other."""
