"""The wire form of events, held to the contract byte by byte."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter

from domain.events import Event, MatchFoundEvent, SessionLeftEvent
from domain.ids import EventId, MatchId, QuestionId, SessionId, UserId
from domain.request import Bucket, Difficulty
from domain.session import Question, Session
from messaging.events import MESSAGES, encode

MOMENT = datetime(2025, 11, 12, 6, 40, 23, 987654, tzinfo=UTC)


def found(*, title: str = "Two coins", occurred_at: datetime = MOMENT) -> MatchFoundEvent:
    session = Session(
        id=SessionId("s-1"),
        match_id=MatchId("m-1"),
        bucket=Bucket(Difficulty.EASY, "Array"),
        question=Question(QuestionId("17"), title, "easy", ("Array", "Hash Table")),
        users=(UserId("user-123"), UserId("user-456")),
        created_at=MOMENT,
    )
    return MatchFoundEvent(event_id=EventId("e-1"), occurred_at=occurred_at, session=session)


def left() -> SessionLeftEvent:
    return SessionLeftEvent(
        event_id=EventId("e-2"),
        occurred_at=MOMENT,
        session_id=SessionId("s-1"),
        user_id=UserId("user-123"),
        remaining=(UserId("user-456"),),
    )


def test_match_found_is_what_the_contract_prints_in_that_order() -> None:
    outgoing = encode(found())

    assert (outgoing.event_id, outgoing.routing_key) == ("e-1", "match.found")
    assert list(json.loads(outgoing.body).items()) == [
        ("event_type", "match.found"),
        ("session_id", "s-1"),
        ("users", ["user-123", "user-456"]),
        ("question_id", "17"),
        ("difficulty", "easy"),
        ("topic", "Array"),
        ("version", 1),
        ("event_id", "e-1"),
        ("occurred_at", "2025-11-12T06:40:23Z"),
        ("match_id", "m-1"),
        ("question", {"id": "17", "title": "Two coins", "difficulty": "easy", "topics": ["Array", "Hash Table"]}),
    ]


def test_match_found_names_no_partner() -> None:
    assert b"partner_id" not in encode(found()).body


def test_session_left_says_who_left_and_who_is_there() -> None:
    outgoing = encode(left())

    assert (outgoing.event_id, outgoing.routing_key) == ("e-2", "session.left")
    assert json.loads(outgoing.body) == {
        "event_type": "session.left",
        "session_id": "s-1",
        "user_id": "user-123",
        "remaining": ["user-456"],
        "version": 1,
        "event_id": "e-2",
        "occurred_at": "2025-11-12T06:40:23Z",
    }


def test_moments_are_told_in_utc() -> None:
    in_singapore = MOMENT.astimezone(timezone(timedelta(hours=8)))

    assert json.loads(encode(found(occurred_at=in_singapore)).body)["occurred_at"] == "2025-11-12T06:40:23Z"


@pytest.mark.parametrize("title", ['<script>alert("1")</script>', "Größe 中文 🎲", 'a\\b"c\n\u2028'])
def test_any_title_comes_back_as_it_went(title: str) -> None:
    assert json.loads(encode(found(title=title)).body)["question"]["title"] == title


@pytest.mark.parametrize("event", [found(), left()])
def test_the_documented_schema_describes_what_is_sent(event: Event) -> None:
    outgoing = encode(event)
    model = MESSAGES[outgoing.routing_key]

    read = TypeAdapter(model).validate_json(outgoing.body)
    assert read.model_dump_json().encode() == outgoing.body
    schema = model.model_json_schema()
    assert list(schema["properties"]) == list(json.loads(outgoing.body))
    assert schema["properties"]["occurred_at"]["format"] == "date-time"


def test_encoding_takes_microseconds() -> None:
    event = found()
    fastest = min(_seconds_for(100, event) for _ in range(20))

    assert fastest / 100 < 0.000_1  # 100 µs: five times the aim, for slow machines


def _seconds_for(times: int, event: Event) -> float:
    start = time.perf_counter()
    for _ in range(times):
        encode(event)
    return time.perf_counter() - start
