"""Why a match ends without a session."""

from __future__ import annotations

from enum import StrEnum


class EndReason(StrEnum):
    """Why a match ended without a session, in the words of ``match_expired``."""

    DECLINED = "declined"
    CONFIRMATION_TIMEOUT = "confirmation_timeout"
    SESSION_UNAVAILABLE = "session_unavailable"
