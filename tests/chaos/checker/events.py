"""I3 and I5: exactly the events that are true reach the broker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.checker.case import CLOCK_SECONDS, FOUND, OPEN, Case, Event, Row
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Delivery


def every_session_is_announced(case: Case) -> Finding:
    """I3: a match that both confirmed has one session id; a ready one has one event, which arrived."""
    promised: dict[str, list[Event]] = defaultdict(list)
    for event in case.events:
        if event.routing_key == FOUND:
            promised[event.body["match_id"]].append(event)
    arrived: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in case.evidence.deliveries:
        arrived[delivery.event_id].append(delivery)
    confirmed = [match for match in case.matches.values() if match["confirmed_at"] is not None]
    ready = [match for match in confirmed if match["status"] in OPEN]
    violations = [*_sessions_changed(case), *_repeats_differ(arrived)]
    for match in ready:
        violations += _announced(match, promised.get(match["id"], ()), arrived)
    return Finding(
        number="I3",
        name="one session and one arrived event per match",
        looked_at={"confirmed matches": len(confirmed), "deliveries": len(case.evidence.deliveries)},
        violations=violations,
        figures={
            "came again": sum(one.redelivered for one in case.evidence.deliveries),
            "twice": len(case.evidence.deliveries) - len(arrived),
        },
    )


def _sessions_changed(case: Case) -> Iterator[Violation]:
    told: dict[str, set[str]] = defaultdict(set)
    for row in case.audit:
        if row["kind"] == "match" and row["session_id"] is not None:
            told[row["id"]].add(row["session_id"])
    for match_id, stays in case.match_stays.items():
        if len(told[match_id]) > 1 or (any(one.state == "confirmed" for one in stays) and not told[match_id]):
            yield Violation(f"{len(told[match_id])} session ids", stays[-1].began, {"match": match_id})


def _announced(match: Row, promised: Sequence[Event], arrived: Mapping[str, Sequence[Delivery]]) -> Iterator[Violation]:
    ids = {"match": match["id"]}
    if len(promised) != 1:
        yield Violation(f"{len(promised)} match.found events for a ready match", 0.0, ids)
    for event in promised:
        ids_of_event = ids | {"event": event.event_id}
        if not event.published:
            yield Violation("promised, and never marked as published", 0.0, ids_of_event)
        if event.event_id not in arrived:
            yield Violation("promised, and never arrived", 0.0, ids_of_event)


def _repeats_differ(arrived: Mapping[str, Sequence[Delivery]]) -> Iterator[Violation]:
    for event_id, deliveries in arrived.items():
        if any(one.body != deliveries[0].body for one in deliveries):
            yield Violation("delivered again with another body", deliveries[-1].at, {"event": event_id})


def no_event_is_premature(case: Case) -> Finding:
    """I5: no event, promised or delivered, about a match that was not ready by then."""
    violations = [
        Violation(f"{event.routing_key} for no ready match", 0.0, {"event": event.event_id})
        for event in case.events
        if _match_of(case, event.body).get("status") not in OPEN
    ]
    promised = {event.event_id for event in case.events}
    for delivery in case.evidence.deliveries:
        ids = {"event": delivery.event_id}
        ready_at = case.reached(_match_of(case, delivery.body).get("id", ""), *OPEN)
        if delivery.event_id not in promised:
            violations.append(Violation("delivered, and never promised", delivery.at, ids))
        elif delivery.at < ready_at - CLOCK_SECONDS:
            violations.append(Violation("delivered before the match was ready", delivery.at, ids))
    return Finding(
        number="I5",
        name="no event for a match that is not ready",
        looked_at={"events": len(case.events), "deliveries": len(case.evidence.deliveries)},
        violations=violations,
    )


def _match_of(case: Case, body: Row) -> Row:
    return case.matches.get(body.get("match_id", "")) or case.by_session.get(body.get("session_id", "")) or {}
