"""Any order of enqueue, renew, cancel, pair, confirm, decline, expire, fail, ready and leave keeps the rules.

The rules are written down here once more, in other words than the code's.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from domain import requeue
from domain.errors import Conflict, LiveRequestExists
from domain.ids import MatchId, RequestId, UserId
from domain.match import Match, MatchState
from domain.pairing import pair_up
from domain.request import Admission, MatchRequest, RequestStatus
from domain.requeue import Ending
from tests.builders import (
    BUCKET,
    OTHER_BUCKET,
    a_question,
    found_event,
    left_event,
    new_match_id,
    new_request_id,
    new_session_id,
)
from tests.fakes.store import SEARCH_SECONDS, FakeStore

R = TypeVar("R")

USERS = [UserId(name) for name in ("ann", "ben", "cat", "dan", "eve", "fay")]
HEAD = 4

REQUEST_STEPS = {
    ("pending", "matched"), ("pending", "cancelled"), ("pending", "timeout"), ("matched", "pending"),
    ("matched", "confirmed"), ("matched", "cancelled"), ("matched", "timeout"),
}  # fmt: skip
MATCH_STEPS = {
    ("proposed", "confirmed"), ("proposed", "declined"), ("proposed", "expired"),
    ("confirmed", "ready"), ("confirmed", "failed"), ("ready", "closed"),
}  # fmt: skip


def run(work: Coroutine[Any, Any, R]) -> R:
    """The result of what only ever waits for its next turn."""
    try:
        while True:
            work.send(None)
    except StopIteration as stop:
        answer: R = stop.value
        return answer


class TheGame(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store = FakeStore()
        self.cancelled: set[RequestId] = set()
        self.said_yes: set[tuple[MatchId, UserId]] = set()
        self.places: dict[RequestId, tuple[int, float]] = {}
        self.before: dict[str, str] = {}

    @rule(user=st.sampled_from(USERS), bucket=st.sampled_from([BUCKET, BUCKET, BUCKET, OTHER_BUCKET]))
    def enqueue_or_renew(self, user: UserId, bucket: Any) -> None:
        live = self.store.tables.live(user)
        was = live.value if live else None
        [outcome] = run(self.store.requests.add(bucket, [(new_request_id(), user)]))
        if was is None:
            assert isinstance(outcome, Admission)
            assert not outcome.already_queued
            row = self.store.tables.requests[outcome.request.id]
            self.places[outcome.request.id] = (row.seq, row.value.created_at.timestamp())
        elif was.status is RequestStatus.PENDING and was.bucket == bucket:
            assert isinstance(outcome, Admission)
            assert outcome.already_queued
            assert outcome.request.id == was.id
        else:
            assert isinstance(outcome, LiveRequestExists)
            assert (outcome.request_id, outcome.match_id) == (was.id, was.match_id)

    @rule(seconds=st.sampled_from([1, 30, 61, 121]))
    def time_passes(self, seconds: int) -> None:
        self.store.clock.advance(seconds)

    @rule(bucket=st.sampled_from([BUCKET, OTHER_BUCKET]))
    def pair(self, bucket: Any) -> None:
        head = run(self.store.requests.waiting(bucket, HEAD))
        pairs = pair_up(head, everyone=len(head) < HEAD)
        verdict = run(self.store.proposals.propose(bucket, [(new_match_id(), pair) for pair in pairs]))
        assert len(verdict.matches) == len(pairs), "whoever truly waits is matched"

    @rule()
    def time_out(self) -> None:
        over = run(self.store.requests.time_out(list(self.store.tables.requests)))
        for request_id in over:
            assert self.request(request_id).expires_at <= self.store.clock.now

    @precondition(lambda self: self.store.tables.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = self.request(data.draw(st.sampled_from(sorted(self.store.tables.requests))))
        if request.status is RequestStatus.PENDING:
            assert run(self.store.requests.withdraw([request.id])) == {request.id}
        elif request.status is RequestStatus.MATCHED and request.match_id is not None:
            if not self.declined(request.user_id, request.match_id):
                return
        elif request.status is not RequestStatus.CANCELLED:
            return
        self.cancelled.add(request.id)

    @precondition(lambda self: self.live_matches())
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        match = data.draw(st.sampled_from(self.live_matches()))
        user = data.draw(st.sampled_from(USERS))
        [outcome] = run(self.store.matches.confirm([(match.id, user, new_session_id())]))
        assert (outcome is not None) == (
            user in match.users and match.state is MatchState.PROPOSED and not match.overdue
        )
        if outcome is not None:
            self.said_yes.add((match.id, user))

    @precondition(lambda self: self.live_matches())
    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        match = data.draw(st.sampled_from(self.live_matches()))
        self.declined(data.draw(st.sampled_from(match.users)), match.id)

    @precondition(lambda self: self.live_matches())
    @rule(data=st.data())
    def expire_or_fail(self, data: st.DataObject) -> None:
        match = data.draw(st.sampled_from(self.live_matches()))
        self.end(requeue.expire(match) if match.state is MatchState.PROPOSED else requeue.fail(match))

    @precondition(lambda self: self.matches_in(MatchState.CONFIRMED))
    @rule(data=st.data(), twice=st.booleans())
    def ready(self, data: st.DataObject, twice: bool) -> None:
        match = data.draw(st.sampled_from(self.matches_in(MatchState.CONFIRMED)))
        question = run(self.store.openings.keep_question(match.id, a_question()))
        assert question is not None
        session = match.session_about(question)
        assert run(self.store.openings.ready(session, found_event(session)))
        assert not (twice and run(self.store.openings.ready(session, found_event(session))))

    @precondition(lambda self: self.matches_in(MatchState.READY))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        match = data.draw(st.sampled_from(self.matches_in(MatchState.READY)))
        user = data.draw(st.sampled_from(match.users))
        left = run(self.store.openings.leave(match, user, left_event(match, user)))
        assert left is not match.seat_of(user).left

    def declined(self, user: UserId, match_id: MatchId) -> bool:
        match = self.store.tables.read(match_id)
        assert match is not None
        try:
            ending = requeue.decline(match, user)
        except Conflict:
            assert match.overdue or match.state is not MatchState.PROPOSED
            return False
        return self.end(ending)

    def end(self, ending: Ending) -> bool:
        """Write *ending*, and hold each of the two to the rules."""
        match = ending.match
        pending = run(self.store.matches.end(ending))
        if pending is None:
            assert ending.state is MatchState.EXPIRED
            assert not match.overdue
            return False
        for seat in match.participants:
            request = self.request(seat.request_id)
            expected = self.expected(ending, seat.user_id)
            assert request.status.value == expected
            if expected == "pending":
                self.waits_again_at_the_old_place(request, match)
        assert {request.id for request in pending} == {
            seat.request_id for seat in match.participants if self.expected(ending, seat.user_id) == "pending"
        }
        return True

    def expected(self, ending: Ending, user: UserId) -> str:
        if ending.state is MatchState.DECLINED:
            return "cancelled" if user == ending.declined_by else "pending"
        if ending.state is MatchState.EXPIRED:
            return "pending" if (ending.match.id, user) in self.said_yes else "timeout"
        return "pending"

    def waits_again_at_the_old_place(self, request: MatchRequest, match: Match) -> None:
        row = self.store.tables.requests[request.id]
        assert self.places[request.id] == (row.seq, request.created_at.timestamp())
        assert (request.expires_at - self.store.clock.now).total_seconds() == SEARCH_SECONDS
        assert request.avoid == match.partner_of(request.user_id).user_id

    @invariant()
    def a_user_is_in_one_live_request_and_one_live_match_at_most(self) -> None:
        users = [user for match in self.live_matches() for user in match.users]
        assert len(users) == len(set(users))
        for user in USERS:
            live = self.store.tables.live(user)  # which says so itself if there are two
            matched = live is not None and live.value.status is RequestStatus.MATCHED
            assert matched == (user in users)
            if live is not None and matched:
                match = self.store.tables.matches[live.value.match_id or MatchId("")].value
                assert live.value.id == match.seat_of(user).request_id

    @invariant()
    def an_event_is_there_for_every_ready_match_and_for_no_other(self) -> None:
        found = [row.value for row in self.store.tables.outbox if row.value.routing_key == "match.found"]
        ready = self.matches_in(MatchState.READY) + self.matches_in(MatchState.CLOSED)
        assert len(found) == len(ready)
        for match in ready:
            assert sum(match.id.encode() in event.body for event in found) == 1

    @invariant()
    def states_move_along_the_drawn_graph(self) -> None:
        tables, now = self.store.tables, dict[str, str]()
        now |= {row.value.id: row.value.status.value for row in tables.requests.values()}
        now |= {row.value.id: row.value.state.value for row in tables.matches.values()}
        steps = {(self.before.get(key, state), state) for key, state in now.items()}
        assert {(was, state) for was, state in steps if was != state} <= REQUEST_STEPS | MATCH_STEPS
        self.before = now

    @invariant()
    def what_was_cancelled_stays_cancelled(self) -> None:
        assert {self.request(request_id).status for request_id in self.cancelled} <= {RequestStatus.CANCELLED}
        held = {seat.request_id for match in self.live_matches() for seat in match.participants}
        assert not held & self.cancelled

    def request(self, request_id: RequestId) -> MatchRequest:
        return self.store.tables.requests[request_id].value

    def matches_in(self, *states: MatchState) -> list[Match]:
        found = [self.store.tables.read(match_id) for match_id in self.store.tables.matches]
        return [match for match in found if match and match.state in states]

    def live_matches(self) -> list[Match]:
        return self.matches_in(MatchState.PROPOSED, MatchState.CONFIRMED)


TheGame.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestTheGame = TheGame.TestCase
