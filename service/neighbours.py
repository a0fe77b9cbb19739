"""The sibling services and the broker."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
import structlog

from actors.ports import Questions
from messaging.question_bank import DevQuestions, QuestionBank
from messaging.questions import QuestionService
from messaging.rabbitmq import RabbitPublisher, UnconfiguredPublisher
from messaging.users import UserService
from service.descriptors import NEIGHBOURS
from service.errors import StartFailed
from service.metrics import Metrics
from service.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Whom we ask and whom we tell."""

    questions: Questions
    users: UserService | None
    broker: RabbitPublisher | UnconfiguredPublisher


async def open_neighbours(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Neighbours:
    """Make their clients; none of them need be there yet."""
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=NEIGHBOURS)))
    users = None
    if settings.auth_verify_remote and settings.user_service_url:
        users = UserService(url=settings.user_service_url, session=session, meter=metrics)
    broker: RabbitPublisher | UnconfiguredPublisher = UnconfiguredPublisher()
    if settings.rabbitmq_url:
        broker = RabbitPublisher(url=settings.rabbitmq_url, meter=metrics)
    else:
        log.warning("RABBITMQ_URL is not set: events stay in the outbox", action="no_broker")
    stack.push_async_callback(broker.close)
    await broker.open()
    return Neighbours(questions=_questions(settings, session, metrics, stack), users=users, broker=broker)


def _questions(
    settings: Settings, session: aiohttp.ClientSession, metrics: Metrics, stack: AsyncExitStack
) -> Questions:
    choice = random.Random()  # noqa: S311 - which question comes up is no secret
    service = None
    if settings.question_service_url:
        service = QuestionService(
            url=settings.question_service_url,
            base_path=settings.question_service_base_path,
            session=session,
            meter=metrics,
            choice=choice,
        )
        stack.push_async_callback(service.close)
    if settings.is_dev:
        return DevQuestions(service, QuestionBank(choice=choice))
    if service is None:
        raise StartFailed("QUESTION_SERVICE_URL is not set: only ENV=dev brings questions of its own.")
    return service
