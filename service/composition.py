"""The whole service, put together from the settings, and taken apart in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from domain.ids import UserId
from domain.topic import Topics
from messaging.events import MESSAGES
from persistence.redis.client import connect_for_listening
from persistence.redis.fanout import RedisFanout
from service.backstage import DevBackstage
from service.cast import start_cast
from service.descriptors import room_for_connections
from service.log_limit import LineLimit
from service.metrics import Metrics
from service.neighbours import open_neighbours
from service.pulse import watched
from service.readiness import ReadinessProbe
from service.settings import Settings
from service.stores import Stores, open_stores
from service.version import VERSION
from web import frames
from web.admission import Admission
from web.app import make_app
from web.auth import Authenticator
from web.doorkeeper import Doorkeeper
from web.hub import Hub
from web.options import WebOptions


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that runs, short of a port to listen on."""

    app: web.Application
    doorkeeper: Doorkeeper
    """To be put between the port and the application."""
    readiness: ReadinessProbe
    crashed: asyncio.Future[None]
    """Fails when an actor keeps failing: the process should end."""


@asynccontextmanager
async def compose(settings: Settings, lines: LineLimit) -> AsyncIterator[Service]:
    """Open, wire and start; at the end stop and close, the last first.  Raises ``StartFailed``."""
    topics = Topics(settings.topics)
    metrics = Metrics(topics=topics, version=VERSION)
    options = _options(settings, topics)
    async with AsyncExitStack() as stack:
        pulse = stack.enter_context(watched(metrics))
        stores = await open_stores(settings, metrics, stack, own_lag=lambda: pulse.lag)
        neighbours = await open_neighbours(settings, metrics, stack)
        hub = await _open_hub(settings, options, metrics, stores, stack)
        cast = start_cast(settings, stores, neighbours, hub, metrics)
        stack.push_async_callback(cast.system.stop)
        metrics.watch_tasks(asyncio.get_running_loop())
        metrics.watch_lines(lambda: lines.left_out)
        metrics.watch_mailboxes(lambda: list(cast.system.depths()))
        doorkeeper = Doorkeeper(
            most=room_for_connections(settings),
            most_per_address=settings.max_connections_per_address,
            sockets_from=hub.sockets_from,
            meter=metrics,
        )
        admission = Admission(
            options=options,
            doorkeeper=doorkeeper,
            lag=lambda: max(pulse.lag, hub.greetings.delay),
            meter=metrics,
        )
        readiness = ReadinessProbe(stores, neighbours.broker)
        backstage = DevBackstage(settings=settings, stores=stores, system=cast.system, readiness=readiness)
        app = make_app(
            matchmaker=cast.matchmaker,
            reads=stores.reads,
            hub=hub,
            authenticator=Authenticator(
                secret=settings.auth_access_secret.get_secret_value(),
                algorithm=settings.auth_algorithm,
                issuer=settings.auth_issuer,
                audience=settings.auth_audience,
                users=neighbours.users,
            ),
            options=options,
            meter=metrics,
            admission=admission,
            readiness=readiness,
            exposition=metrics.exposition,
            event_schemas=MESSAGES,
            backstage=backstage if settings.is_dev else None,
        )
        yield Service(app, doorkeeper, readiness, cast.system.crashed)


def _options(settings: Settings, topics: Topics) -> WebOptions:
    return WebOptions(
        app_name=settings.app_name,
        version=VERSION,
        env=settings.env,
        topics=topics,
        cors_origins=settings.cors_origins,
        rate_limit=settings.rate_limit,
        recheck_seconds=settings.auth_recheck_seconds,
        auth_failure_limit=settings.auth_failure_limit,
        max_requests_in_flight=settings.max_requests_in_flight,
        max_lag_seconds=settings.max_lag_seconds,
        max_handshakes_per_second=settings.max_handshakes_per_second,
        max_sockets=settings.max_sockets,
        max_sockets_per_user=settings.max_sockets_per_user,
        max_sockets_per_address=settings.max_sockets_per_address,
        legacy_open_session_read=settings.legacy_open_session_read,
    )


async def _open_hub(
    settings: Settings, options: WebOptions, metrics: Metrics, stores: Stores, stack: AsyncExitStack
) -> Hub:
    listener = connect_for_listening(settings.redis_url)
    stack.push_async_callback(listener.aclose)

    async def catch_up(user_id: UserId) -> None:
        hub.renew(user_id, frames.state(await stores.reads.snapshot(user_id), user_id))

    fanout = RedisFanout(
        publisher=stores.redis.client,
        subscriber=listener,
        deliver=lambda user_id, text: hub.deliver(user_id, text),  # noqa: PLW0108 - the two know each other
        catch_up=catch_up,
        failed=metrics.dependency_failed,
    )
    hub = Hub(options=options, meter=metrics, fanout=fanout)
    stack.push_async_callback(fanout.close)
    await fanout.open()
    return hub
