"""A run that never was: evidence made by hand, as a flawless service would leave it, for tests to spoil."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.chronicle import Chronicle
from tests.chaos.evidence import FaultSpan, Frame, Sample, SocketLife

MIB = 1024 * 1024
QUESTION = {"id": "q-1", "title": "Two Sum", "difficulty": "easy", "topics": ["Array"]}
SEARCH, CONFIRM = 8.0, 6.0


class Story(Chronicle):
    """Tells what happens to whom, at which second; what it tells is consistent until a test changes it."""

    def connects(self, user_id: str, at: float, *, until: float = 100.0) -> int:
        """A socket, with its first frame; its number."""
        number = next(self.numbers)
        life = SocketLife(user_id=user_id, socket=number, replica=0, opened=at, closed=until, code=1000)
        self.open(life)
        body = {"type": "state", "request": None, "match": None, "session": None}
        self.frames.append(Frame(user_id=user_id, socket=number, at=at, body=body))
        return number

    def asks(self, user_id: str, at: float, *, topic: str = "Array") -> str:
        """A request that was acknowledged; its id."""
        request_id = self.new_id()
        self.requests[request_id] = {
            "id": request_id, "seq": next(self.numbers), "user_id": user_id, "bucket": f"easy:{topic}",
            "difficulty": "easy", "topic": topic, "status": "pending", "match_id": None, "created_at": at,
            "expires_at": at + SEARCH, "avoid": None, "ended_at": None,
        }  # fmt: skip
        self.becomes(request_id, "pending", at, old=None)
        got = {"id": request_id, "user_id": user_id, "status": "pending"}
        self.calls(user_id, "request", at, {"difficulty": "easy", "topic": topic}, got, status=201)
        return request_id

    def pairs(self, first: str, second: str, at: float) -> str:
        """The match of two requests; its id."""
        match_id = self.new_id()
        one, other = self.requests[first], self.requests[second]
        self.matches[match_id] = {
            "id": match_id, "difficulty": "easy", "topic": one["topic"], "request1_id": first, "request2_id": second,
            "user1_id": one["user_id"], "user2_id": other["user_id"], "status": "proposed", "created_at": at,
            "deadline": at + CONFIRM, "user1_confirmed_at": None, "user2_confirmed_at": None, "confirmed_at": None,
            "session_id": None, "question": None, "user1_left_at": None, "user2_left_at": None, "declined_by": None,
        }  # fmt: skip
        self.turns(match_id, "proposed", at, old=None)
        for request_id in (first, second):
            self.becomes(request_id, "matched", at, match_id=match_id)
        self.tell(match_id, at, {"type": "match_found", "difficulty": "easy", "topic": one["topic"]}, partner=True)
        return match_id

    def confirms(self, user_id: str, match_id: str, at: float) -> None:
        """A yes; the second one opens the session."""
        match = self.matches[match_id]
        match[f"user{1 if match['user1_id'] == user_id else 2}_confirmed_at"] = at
        match["session_id"] = match["session_id"] or self.new_id()
        sent = {"match_id": match_id, "confirmed": True}
        if match["user1_confirmed_at"] is None or match["user2_confirmed_at"] is None:
            self.turns(match_id, "proposed", at)  # the session's id is settled
            got = {"status": "waiting_for_partner", "match_id": match_id}
            self.calls(user_id, "confirm", at, sent, got)
            return
        match["confirmed_at"] = at
        self.turns(match_id, "confirmed", at)
        self.opens(match_id, at + 0.02)
        self.calls(user_id, "confirm", at, sent, self.session(match_id, user_id), seconds=0.05)

    def opens(self, match_id: str, at: float) -> None:
        """The session of a confirmed match."""
        match = self.matches[match_id]
        match["question"] = json.dumps(QUESTION)
        self.turns(match_id, "ready", at)
        for name in ("request1_id", "request2_id"):
            self.becomes(match[name], "confirmed", at)
        users = [match["user1_id"], match["user2_id"]]
        told = {"match_id": match_id, "session_id": match["session_id"], "question": QUESTION, "users": users}
        self.hashes.append(told)
        self.posts("match.found", at, told | {"question_id": "q-1", "difficulty": "easy", "topic": match["topic"]})
        ready = {"type": "match_ready", "session_id": match["session_id"], "question_id": "q-1"}
        self.tell(match_id, at, ready, partner=True)

    def leaves(self, user_id: str, match_id: str, at: float) -> None:
        """One of the two goes."""
        match = self.matches[match_id]
        seat = 1 if match["user1_id"] == user_id else 2
        match[f"user{seat}_left_at"] = at
        if match[f"user{3 - seat}_left_at"] is not None:
            self.turns(match_id, "closed", at)
        self.posts("session.left", at, {"session_id": match["session_id"], "user_id": user_id, "remaining": []})
        self.calls(user_id, "leave", at, {"session_id": match["session_id"]}, {"status": "left"})
        partner = match[f"user{3 - seat}_id"]
        body = {"type": "partner_left", "session_id": match["session_id"], "user_id": user_id}
        self.push(partner, at, body)

    def cancels(self, user_id: str, request_id: str, at: float) -> None:
        """A cancellation while pending."""
        self.becomes(request_id, "cancelled", at)
        self.calls(user_id, "cancel", at, {"request_id": request_id}, {"message": "Match request cancelled"})

    def declines(self, user_id: str, match_id: str, at: float) -> None:
        """A no; the partner waits again."""
        match = self.matches[match_id]
        match["declined_by"] = user_id
        got = {"status": "cancelled", "requeued_partner": True, "match_id": match_id}
        self.calls(user_id, "decline", at, {"match_id": match_id, "confirmed": False}, got)
        self.ends(match_id, "declined", at, {user_id: "cancelled"})

    def ends(self, match_id: str, state: str, at: float, outcomes: Mapping[str, str]) -> None:
        """The end of a match without a session; whoever is not among *outcomes* waits again."""
        match = self.matches[match_id]
        self.turns(match_id, state, at)
        for name in ("1", "2"):
            user_id, request_id = match[f"user{name}_id"], match[f"request{name}_id"]
            outcome = outcomes.get(user_id, "pending")
            if outcome == "pending":
                self.requests[request_id]["expires_at"] = at + SEARCH
            self.becomes(request_id, outcome, at, match_id=None if outcome == "pending" else match_id)
            body = {"type": "match_expired", "match_id": match_id, "reason": "declined", "request_id": request_id}
            self.push(user_id, at, body | {"requeued": outcome == "pending"})

    def times_out(self, request_id: str, at: float) -> None:
        """Nobody came."""
        self.becomes(request_id, "timeout", at)
        self.push(self.requests[request_id]["user_id"], at, {"type": "request_timeout", "request_id": request_id})

    def breaks(self, *touches: str, at: float, until: float, number: str = "F9") -> None:
        """A fault."""
        self.faults.append(FaultSpan(name="a-fault", number=number, began=at, healed=until, touches=touches))


def a_story(*, folder: Path | None = None) -> Story:
    """One of each: a session that both leave, a decline with a requeue, a cancellation, a time-out."""
    story = Story(folder=folder)
    a_session(story, "ann", "ben", 1.0)
    eve, dan = story.asks("eve", 10.0, topic="Graph"), story.asks("dan", 10.1, topic="Graph")
    story.connects("eve", 9.5)
    declined = story.pairs(eve, dan, 10.15)
    story.declines("dan", declined, 11.0)
    story.times_out(eve, 19.02)
    story.cancels("fay", story.asks("fay", 20.0, topic="Heap"), 21.0)
    sample = Sample(at=1.0, replica=0, pid=7, rss_bytes=80 * MIB, descriptors=40, mailbox_depth=0, sockets=9)
    story.samples.append(sample)
    return story


def a_session(story: Story, first: str, second: str, at: float, *, topic: str = "Array") -> str:
    """Two who meet, confirm and leave within three seconds of *at*; their match."""
    for user_id in (first, second):
        story.connects(user_id, at - 0.5, until=at + 20)
    one, other = story.asks(first, at, topic=topic), story.asks(second, at + 0.1, topic=topic)
    match_id = story.pairs(one, other, at + 0.15)
    story.calls(first, "status", at + 0.2, {"request_id": one}, {"status": "matched", "match_id": match_id})
    story.confirms(first, match_id, at + 0.5)
    story.confirms(second, match_id, at + 1.0)
    status = {"confirm_status": True, "session_id": story.matches[match_id]["session_id"], "status": "ready"}
    told = status | {"you_confirmed": True, "partner_confirmed": True}
    story.calls(first, "match_status", at + 1.2, {"match_id": match_id}, told)
    active = story.session(match_id, first) | {"question": QUESTION}
    del active["question_id"]
    story.calls(first, "active", at + 1.3, {}, active)
    story.leaves(first, match_id, at + 2.0)
    story.leaves(second, match_id, at + 2.5)
    return match_id
