"""The actors, started: the supervision tree of a process.

::

    System
     |- OutboxRelay        one
     |- SessionActor       one, tells the relay
     |- MatchSupervisor    one, asks the session actor, tells buckets
     |- BucketActor        one per difficulty and topic in use, tells the supervisor
     '- Janitor            one, tells the supervisor and buckets

They are stopped in reverse, each after its mail and errands.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.bucket import BucketActor, Door
from actors.buckets import Buckets
from actors.janitor import Janitor
from actors.matchmaker import Matchmaker
from actors.ports import Meter, Notifier
from actors.relay import OutboxRelay
from actors.session import SessionActor
from actors.slice import Slice
from actors.supervisor import MatchSupervisor
from actors.system import System
from domain.request import Bucket
from service.neighbours import Neighbours
from service.settings import Settings
from service.stores import Stores

ANSWER_SECONDS = 5.0
"""How long a request waits for an actor before it is answered 503."""

POLL_SECONDS = 1.0
"""How often the outbox is looked into for what other replicas left."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The actors, and the door to them."""

    system: System
    matchmaker: Matchmaker


def start_cast(settings: Settings, stores: Stores, neighbours: Neighbours, notifier: Notifier, meter: Meter) -> Cast:
    """Start every actor; the first sweep and the first publishing begin at once."""
    system = System(meter=meter)
    limit = settings.mailbox_limit
    relay = system.spawn(
        lambda: OutboxRelay(outbox=stores.outbox, publisher=neighbours.broker, meter=meter, poll_seconds=POLL_SECONDS),
        mailbox_limit=limit,
    )
    sessions = system.spawn(
        lambda: SessionActor(
            matches=stores.matches,
            openings=stores.openings,
            sessions=stores.sessions,
            questions=neighbours.questions,
            notifier=notifier,
            meter=meter,
            relay=relay,
            budget_seconds=settings.session_budget_seconds,
        ),
        mailbox_limit=limit,
    )
    supervisor = system.spawn(
        lambda: MatchSupervisor(
            matches=stores.matches,
            notifier=notifier,
            meter=meter,
            buckets=lambda bucket: buckets(bucket),  # noqa: PLW0108 - made below: the two know each other
            sessions=sessions,
            confirm_seconds=settings.confirm_match_timeout_seconds,
        ),
        mailbox_limit=limit,
    )

    def make_bucket(bucket: Bucket, door: Door) -> BucketActor:
        return BucketActor(
            bucket,
            requests=stores.requests,
            queue=Slice(
                bucket,
                requests=stores.requests,
                proposals=stores.proposals,
                queue=stores.queue,
                questions=neighbours.questions,
            ),
            notifier=notifier,
            meter=meter,
            supervisor=supervisor,
            door=door,
            search_seconds=settings.matching_timeout_seconds,
            idle_seconds=settings.bucket_idle_seconds,
        )

    buckets = Buckets(system=system, make=make_bucket, most=settings.max_buckets, mailbox_limit=limit)
    system.spawn(
        lambda: Janitor(
            recovery=stores.recovery,
            queue=stores.queue,
            meter=meter,
            buckets=buckets,
            supervisor=supervisor,
            sweep_seconds=settings.sweep_seconds,
        ),
        mailbox_limit=limit,
    )
    matchmaker = Matchmaker(
        requests=stores.requests,
        matches=stores.matches,
        buckets=buckets,
        supervisor=supervisor,
        sessions=sessions,
        answer_seconds=ANSWER_SECONDS,
        session_answer_seconds=settings.confirm_answer_seconds,
    )
    return Cast(system, matchmaker)
