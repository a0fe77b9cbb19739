"""The Question Service client against a service that misbehaves in every way it can."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import count

import aiohttp
import pytest

from domain.errors import NeighbourUnavailable
from domain.ids import QuestionId
from domain.request import Bucket, Difficulty
from domain.session import Question
from messaging import questions
from messaging.questions import QuestionService
from tests.messaging.answering import (
    BUCKET,
    LIST,
    TWO_COINS,
    answers,
    drip,
    fail,
    flood,
    good,
    hang_up,
    say_nothing,
    wire,
)
from tests.messaging.stubs import Behaviour, CountingMeter, Stub

pytestmark = pytest.mark.usefixtures("no_waiting_between_tries")


async def test_the_request_is_what_the_question_service_documents(service: QuestionService, stub: Stub) -> None:
    stub.says(LIST)

    assert await service.pick(Bucket(Difficulty.HARD, "C++ & Co/#1")) == TWO_COINS

    (asked,) = stub.asked
    assert asked.path == "/api/v1/questions/filter/topics-difficulty"
    assert dict(asked.query) == {"difficulty": "hard", "topics": "C++ & Co/#1"}


async def test_one_of_the_list_is_picked_at_random(service: QuestionService, stub: Stub) -> None:
    stub.says(json.dumps([{"id": number, "title": str(number)} for number in range(5)]))

    picked = {(await service.pick(BUCKET)).id for _ in range(100)}

    assert picked == {"0", "1", "2", "3", "4"}


@pytest.mark.parametrize("wrapper", ["questions", "data"])
async def test_a_wrapped_list_is_tolerated(service: QuestionService, stub: Stub, wrapper: str) -> None:
    stub.says(f'{{"{wrapper}": {LIST}, "total": 1}}')

    assert await service.pick(BUCKET) == TWO_COINS


@pytest.mark.parametrize(
    ("body", "question"),
    [
        (wire(id=7), Question(QuestionId("7"), "T", "easy", ("Array",))),
        ('[{"_id": "64f0"}]', Question(QuestionId("64f0"), "Untitled", "easy", ("Array",))),
        (wire(title=None), Question(QuestionId("q"), "Untitled", "easy", ("Array",))),
        (wire(title="<b>1 < 2</b>"), Question(QuestionId("q"), "<b>1 < 2</b>", "easy", ("Array",))),
        (wire(title="a\x00b\x1bc"), Question(QuestionId("q"), "abc", "easy", ("Array",))),
        (wire(title="x" * 5000), Question(QuestionId("q"), "x" * 300, "easy", ("Array",))),
        (wire(topics=["A", 3, None, "B"]), Question(QuestionId("q"), "T", "easy", ("A", "B"))),
        (wire(statement={"deep": [1, 2]}, votes=3), Question(QuestionId("q"), "T", "easy", ("Array",))),
        (f"[{{}}, 3, null, {LIST[1:-1]}]", TWO_COINS),
    ],
)
async def test_a_question_is_read_as_far_as_it_can_be(
    service: QuestionService, stub: Stub, body: str, question: Question
) -> None:
    stub.says(body)

    assert await service.pick(BUCKET) == question


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[]", "no question"),
        ("", "no list"),
        ("not json", "no list"),
        (LIST[:-5], "no list"),
        ("null", "no list"),
        ('{"detail": "hello"}', "no list"),
        ('{"data": {"id": 1}}', "no list"),
        ("[1, 2, 3]", "no list"),
        (wire(id=True), "no list"),
        (wire(id=""), "no list"),
        (wire(id="x" * 129), "no list"),
        (wire(id="a\x00"), "no list"),
        (wire(id=1.5), "no list"),
        (wire(topics="Array"), "no list"),
        ('[{"id": ' + "9" * 5000 + "}]", "no list"),
        ("[" * 100_000, "no list"),
    ],
)
async def test_an_answer_without_a_question_is_named(
    service: QuestionService, stub: Stub, meter: CountingMeter, body: str, reason: str
) -> None:
    stub.says(body)

    with pytest.raises(NeighbourUnavailable, match=reason) as raised:
        await service.pick(BUCKET)

    assert raised.value.args[0] == "question_service"
    assert meter.failed["question_service"] == 1
    assert len(stub.asked) == 1


async def test_not_found_means_that_there_is_no_question(service: QuestionService, stub: Stub) -> None:
    stub.says('{"detail": "none"}', status=404)

    with pytest.raises(NeighbourUnavailable, match="no question for easy:Array"):
        await service.pick(BUCKET)


@pytest.mark.parametrize("behaviour", [fail, hang_up])
async def test_a_passing_failure_is_retried_away(service: QuestionService, stub: Stub, behaviour: Behaviour) -> None:
    stub.behaviour = answers(behaviour, behaviour, good)

    assert await service.pick(BUCKET) == TWO_COINS


async def test_three_tries_are_enough(service: QuestionService, stub: Stub, meter: CountingMeter) -> None:
    stub.behaviour = fail

    with pytest.raises(NeighbourUnavailable, match="answered 500"):
        await service.pick(BUCKET)

    assert len(stub.asked) == 3
    assert meter.failed["question_service"] == 3


@pytest.mark.parametrize("status", [400, 401, 422])
async def test_a_refusal_is_not_retried(service: QuestionService, stub: Stub, status: int) -> None:
    stub.says("{}", status=status)

    with pytest.raises(NeighbourUnavailable, match=f"answered {status}"):
        await service.pick(BUCKET)

    assert len(stub.asked) == 1


async def test_a_redirect_is_not_followed(service: QuestionService, stub: Stub) -> None:
    stub.says("", status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})

    with pytest.raises(NeighbourUnavailable, match="answered 302"):
        await service.pick(BUCKET)

    assert {request.path for request in stub.asked} == {"/api/v1/questions/filter/topics-difficulty"}


async def test_a_service_that_is_down_is_named(http: aiohttp.ClientSession, meter: CountingMeter) -> None:
    service = QuestionService(url="http://127.0.0.1:9", session=http, meter=meter, choice=random.Random(7))

    with pytest.raises(NeighbourUnavailable, match="ClientConnectorError"):
        await service.pick(BUCKET)


@pytest.mark.parametrize("behaviour", [say_nothing, drip])
async def test_a_slow_service_is_given_up(
    service: QuestionService, stub: Stub, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.neighbour.TRY_SECONDS", 0.2)
    stub.behaviour = behaviour

    async with asyncio.timeout(2):
        with pytest.raises(NeighbourUnavailable, match=r"no answer within 0\.2 s"):
            await service.pick(BUCKET)


async def test_all_tries_together_have_a_budget(
    service: QuestionService, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "BUDGET_SECONDS", 0.2)
    stub.behaviour = say_nothing

    async with asyncio.timeout(2):
        with pytest.raises(NeighbourUnavailable, match=r"no answer within 0\.2 s"):
            await service.pick(BUCKET)


async def test_a_flood_is_cut_off_while_it_streams(service: QuestionService, stub: Stub) -> None:
    sent: list[int] = []
    stub.behaviour = flood(sent)

    with pytest.raises(NeighbourUnavailable, match="more than 2097152 bytes"):
        await service.pick(BUCKET)

    assert sum(sent) / 3 < 10 * 1024 * 1024


async def test_five_hundred_long_questions_are_not_a_flood(service: QuestionService, stub: Stub) -> None:
    numbers = count()
    long = [{"id": next(numbers), "title": "T", "statement": "x" * 2000} for _ in range(500)]
    stub.says(json.dumps(long))

    assert (await service.pick(BUCKET)).title == "T"
