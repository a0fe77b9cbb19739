"""What a deployment may decide about the edge."""

from __future__ import annotations

from dataclasses import dataclass

from domain.topic import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """The settings that matter here, as the composition root read them."""

    app_name: str
    version: str
    env: str
    topics: Topics
    cors_origins: tuple[str, ...]
    """Origins of browser frontends, matched exactly; ``*`` admits every origin, without credentials."""
    rate_limit: str | None
    """Calls one user may make, such as ``600/minute``; None or empty for no limit."""
    recheck_seconds: float
    """How often the User Service, where it is asked at all, is asked about the owners of open sockets."""
    auth_failure_limit: str | None
    """Calls without a good token that one address may make; None or empty for no limit."""
    max_requests_in_flight: int
    """While so many are being answered, nobody new is let in."""
    max_lag_seconds: float
    """While the event loop, or the first frame of a new socket, is later than that, neither."""
    max_handshakes_per_second: int
    max_sockets: int
    max_sockets_per_user: int
    max_sockets_per_address: int
    legacy_open_session_read: bool
    """Whether ``GET /session/{id}`` shows question, code and language to whoever knows the id."""

    @property
    def is_dev(self) -> bool:
        return self.env == "dev"
