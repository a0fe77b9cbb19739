"""The built-in bank, and the choice between it and a real service."""

from __future__ import annotations

import random

import pytest
from structlog.testing import capture_logs

from domain.errors import NeighbourUnavailable
from domain.ids import QuestionId
from domain.request import Bucket, Difficulty
from domain.session import Question
from messaging.question_bank import RETRY_SECONDS, TITLES, DevQuestions, QuestionBank
from tests.messaging.stubs import Clock

BUCKET = Bucket(Difficulty.MEDIUM, "Dynamic Programming")


class Flaky:
    """A service that can be switched off."""

    def __init__(self) -> None:
        self.is_up = True
        self.asked = 0

    async def pick(self, bucket: Bucket) -> Question:
        self.asked += 1
        if not self.is_up:
            raise NeighbourUnavailable("question_service", "down")
        return self._question(bucket)

    def at_hand(self, bucket: Bucket) -> Question | None:
        return self._question(bucket) if self.is_up else None

    def _question(self, bucket: Bucket) -> Question:
        return Question(QuestionId("real"), "Real", bucket.difficulty.value, (bucket.topic,))


@pytest.fixture
def bank() -> QuestionBank:
    return QuestionBank(choice=random.Random(7))


async def test_common_topics_have_several_questions_of_their_own(bank: QuestionBank) -> None:
    picked = [await bank.pick(BUCKET) for _ in range(50)]

    assert {question.title for question in picked} == set(TITLES["dynamic programming"])
    assert len({question.id for question in picked}) == len(TITLES["dynamic programming"])
    assert {(question.difficulty, question.topics) for question in picked} == {("medium", ("Dynamic Programming",))}


@pytest.mark.parametrize("topic", ["Knitting", "C++ (advanced)", "{topic}", "Ärger & Co"])
async def test_any_other_topic_gets_one_made_for_it(bank: QuestionBank, topic: str) -> None:
    assert topic in (await bank.pick(Bucket(Difficulty.EASY, topic))).title


async def test_a_service_that_answers_is_preferred(bank: QuestionBank) -> None:
    with capture_logs() as logs:
        assert (await DevQuestions(Flaky(), bank).pick(BUCKET)).id == "real"

    assert not logs


def test_without_a_service_the_bank_is_always_at_hand(bank: QuestionBank) -> None:
    question = DevQuestions(None, bank).at_hand(BUCKET)
    assert question is not None
    assert question.id.startswith("bank-")


def test_with_one_its_questions_are_or_none(bank: QuestionBank) -> None:
    primary = Flaky()
    both = DevQuestions(primary, bank)
    assert both.at_hand(BUCKET) == primary.at_hand(BUCKET)
    primary.is_up = False
    assert both.at_hand(BUCKET) is None
    assert primary.asked == 0


async def test_the_bank_steps_in_says_so_once_and_steps_back(bank: QuestionBank) -> None:
    clock, primary = Clock(), Flaky()
    primary.is_up = False
    both = DevQuestions(primary, bank, clock=clock)

    with capture_logs() as logs:
        picked = [await both.pick(BUCKET) for _ in range(3)]

    assert all(question.id.startswith("bank-") for question in picked)
    assert [line["action"] for line in logs] == ["use_question_bank"]
    assert primary.asked == 1

    primary.is_up = True
    clock.now += RETRY_SECONDS
    assert (await both.pick(BUCKET)).id == "real"


async def test_without_any_service_the_bank_serves(bank: QuestionBank) -> None:
    assert (await DevQuestions(None, bank).pick(BUCKET)).id.startswith("bank-medium-dynamic-programming-")
