"""Where a user stands, as far as it has been told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from tests.chaos.evidence import Outcome
from tests.chaos.people.caller import Answer


class Standing:
    """The search that goes on, and what became of it.

    ::

        asked --> matched --> in a session
          |  <-----'|
          '--> over <'

    News comes from several sides, late and twice: a match that was over stays so.
    """

    def __init__(self) -> None:
        self.request_id = ""
        self.match_id = ""
        self.partner_id = ""
        self.session_id = ""
        self.is_over = False
        """The search has ended without a session."""
        self._past: set[str] = set()
        self._news = asyncio.Event()

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to wait for."""
        return bool(self.request_id) and not self.is_over and not self.session_id

    def begin(self) -> None:
        """A new search."""
        self._past.add(self.match_id)
        self.request_id = self.match_id = self.partner_id = self.session_id = ""
        self.is_over = False

    async def changes(self, seconds: float) -> bool:
        """Whether there is news within so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        happened = self._news.is_set()
        self._news.clear()
        return happened

    # -- answers ---------------------------------------------------------------------------------

    def asked(self, answer: Answer) -> None:
        """``POST /request``: also a refusal says where one stands."""
        conflict = answer.status == HTTPStatus.CONFLICT
        if answer.outcome is Outcome.OK or conflict:
            self.request_id = answer.body.get("request_id" if conflict else "id") or self.request_id
            self._found(answer.body.get("match_id"))

    def looked(self, answer: Answer, match_before: str) -> None:
        """``GET /requests/{id}/status``; *match_before* was known when it was asked."""
        match answer.body.get("status"):
            case "matched":
                self._found(answer.body.get("match_id"))
            case "pending":
                self._lost(match_before)
            case "cancelled" | "timeout":
                self._end()
            case _:
                pass  # no answer, or none that says anything

    def looked_at_match(self, answer: Answer, match_id: str) -> None:
        """``GET /{match_id}/status``."""
        if answer.status == HTTPStatus.NOT_FOUND:
            self._lost(match_id)
        else:
            self._opened(match_id, answer.body.get("session_id"))

    def confirmed(self, answer: Answer, match_id: str) -> None:
        """``POST /confirm`` with yes."""
        if answer.outcome is Outcome.FAIL:
            self._lost(match_id)
        else:
            self._opened(match_id, answer.body.get("session_id"), answer.body.get("partner_id", ""))

    def declined(self, answer: Answer, match_id: str) -> None:
        """``POST /confirm`` with no."""
        if answer.outcome is Outcome.OK:
            self._end()
        elif answer.outcome is Outcome.FAIL:
            self._opened(match_id, answer.body.get("session_id"))

    def cancelled(self, answer: Answer) -> None:
        """``DELETE /request/{id}``."""
        if answer.outcome is Outcome.OK or answer.body.get("code") == "request_timed_out":
            self._end()
        elif answer.status == HTTPStatus.CONFLICT:
            self._found(answer.body.get("match_id"))
            self._opened(answer.body.get("match_id"), answer.body.get("session_id"))

    # -- frames ----------------------------------------------------------------------------------

    def heard(self, frame: Mapping[str, Any]) -> None:
        """Whatever came over a socket."""
        match frame.get("type"):
            case "state":
                self._greeted(frame)
            case "match_found":
                self._found(frame.get("match_id"), frame.get("partner_id", ""))
            case "match_ready":
                self._opened(frame.get("match_id"), frame.get("session_id"), frame.get("partner_id", ""))
            case "match_expired":
                self._lost(frame.get("match_id"))
                if not frame.get("requeued") and frame.get("request_id") == self.request_id:
                    self._end()
            case "request_timeout" if frame.get("request_id") == self.request_id:
                self._end()

    def _greeted(self, frame: Mapping[str, Any]) -> None:
        request, match, session = frame.get("request"), frame.get("match"), frame.get("session")
        if request and match and request.get("id") == self.request_id:
            self._found(match.get("match_id"), match.get("partner_id", ""))
        if session:
            self._opened(session.get("match_id"), session.get("session_id"), session.get("partner_id", ""))

    # -- what follows ----------------------------------------------------------------------------

    def _found(self, match_id: str | None, partner_id: str = "") -> None:
        if not match_id or match_id in self._past or not self.request_id:
            return
        if match_id != self.match_id:
            self._past.add(self.match_id)  # a newer one: the other is over
            self.match_id, self.partner_id = match_id, ""
            self._news.set()
        self.partner_id = partner_id or self.partner_id

    def _opened(self, match_id: str | None, session_id: str | None, partner_id: str = "") -> None:
        if session_id and match_id == self.match_id and not self.session_id:
            self.session_id = session_id
            self.partner_id = partner_id or self.partner_id
            self._news.set()

    def _lost(self, match_id: str | None) -> None:
        if match_id:
            self._past.add(match_id)
            if match_id == self.match_id:
                self.match_id = self.partner_id = ""
                self._news.set()

    def _end(self) -> None:
        self.is_over = True
        self._news.set()
