"""Metrics, read as Prometheus would read them."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from domain.census import BucketCensus, OutboxCensus
from domain.match import MatchState
from domain.reasons import EndReason
from domain.request import Bucket, Difficulty
from domain.topic import Topics
from service.collectors import MOST_VALUES
from service.metrics import Metrics

ARRAY = Bucket(Difficulty.EASY, "Array")
KNITTING = Bucket(Difficulty.EASY, "Knitting")
ORIGAMI = Bucket(Difficulty.EASY, "Origami")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(topics=Topics(["Array"]), version="1.2.3")


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Value by name and labels."""
    body, _ = metrics.exposition("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return scrape(metrics).get((f"matching_{name}", tuple(sorted(labels.items()))))


def test_queues_are_told_by_bucket_and_unknown_topics_together(metrics: Metrics) -> None:
    metrics.census(
        [BucketCensus(ARRAY, 3, 4.5), BucketCensus(KNITTING, 2, 7.0), BucketCensus(ORIGAMI, 1, 9.0)],
        OutboxCensus(5, 1.5),
    )

    assert value(metrics, "queue_depth", difficulty="easy", topic="Array") == 3
    assert value(metrics, "queue_oldest_wait_seconds", difficulty="easy", topic="Array") == 4.5
    assert value(metrics, "queue_depth", difficulty="easy", topic="other") == 3
    assert value(metrics, "queue_oldest_wait_seconds", difficulty="easy", topic="other") == 9.0
    assert value(metrics, "outbox_depth") == 5
    assert value(metrics, "outbox_oldest_seconds") == 1.5


def test_a_bucket_that_is_gone_leaves_no_series_behind(metrics: Metrics) -> None:
    metrics.census([BucketCensus(ARRAY, 3, 4.5)], OutboxCensus(0, 0))
    metrics.census([], OutboxCensus(0, 0))

    assert value(metrics, "queue_depth", difficulty="easy", topic="Array") is None


def test_a_match_is_counted_from_pair_to_session(metrics: Metrics) -> None:
    metrics.matched(ARRAY, [0.2, 31.0])
    metrics.confirmed(12.0)
    metrics.session_opened(0.004)
    metrics.match_ended(ARRAY, MatchState.READY)
    metrics.match_ended(KNITTING, EndReason.DECLINED)
    metrics.request_ended(ARRAY, "timeout")

    assert value(metrics, "matches_proposed_total", difficulty="easy", topic="Array") == 1
    assert value(metrics, "wait_seconds_count", difficulty="easy") == 2
    assert value(metrics, "wait_seconds_bucket", difficulty="easy", le="0.25") == 1
    assert value(metrics, "confirmation_seconds_sum") == 12.0
    assert value(metrics, "session_opening_seconds_bucket", le="0.005") == 1
    assert value(metrics, "matches_ended_total", difficulty="easy", topic="Array", outcome="ready") == 1
    assert value(metrics, "matches_ended_total", difficulty="easy", topic="other", outcome="declined") == 1
    assert value(metrics, "requests_ended_total", difficulty="easy", topic="Array", outcome="timeout") == 1


def test_mailboxes_are_counted_when_somebody_looks(metrics: Metrics) -> None:
    depths = [("BucketActor", 3), ("BucketActor", 4), ("OutboxRelay", 0)]
    metrics.watch_mailboxes(lambda: depths)

    assert value(metrics, "actors", kind="BucketActor") == 2
    assert value(metrics, "mailbox_depth", kind="BucketActor") == 7
    assert value(metrics, "mailbox_depth_max", kind="BucketActor") == 4
    depths.clear()
    assert value(metrics, "actors", kind="BucketActor") is None


def test_the_edges_are_counted(metrics: Metrics) -> None:
    metrics.answered("GET", "/health", 200, 0.002)
    metrics.socket_opened()
    metrics.socket_opened()
    metrics.socket_closed(4408)
    metrics.pushed(3)
    metrics.published(7)
    metrics.unroutable("match.found")
    metrics.unroutable("session.left")
    metrics.dependency_failed("rabbitmq")
    metrics.actor_restarted("Janitor")
    metrics.left_behind("unopened", 4)

    assert value(metrics, "http_requests_total", route="/health", method="GET", status="200") == 1
    assert value(metrics, "http_request_seconds_count", route="/health", method="GET") == 1
    assert value(metrics, "sockets") == 1
    assert value(metrics, "sockets_closed_total", code="4408") == 1
    assert value(metrics, "frames_pushed_total") == 3
    assert value(metrics, "events_published_total") == 7
    assert value(metrics, "events_unroutable_total", routing_key="match.found") == 1
    assert value(metrics, "dependency_errors_total", dependency="rabbitmq") == 1
    assert value(metrics, "actor_restarts_total", kind="Janitor") == 1
    assert value(metrics, "left_behind_total", what="unopened") == 4
    assert value(metrics, "build_info", version="1.2.3") == 1


def test_whatever_is_offered_the_number_of_series_is_bounded(metrics: Metrics) -> None:
    for number in range(3 * MOST_VALUES):
        metrics.answered(f"VERB{number}", f"/route/{number}", number, 0.1)
        metrics.socket_closed(number)
        metrics.request_ended(Bucket(Difficulty.HARD, f"Topic {number}"), "timeout")

    samples = scrape(metrics)
    assert len([name for name, _ in samples if name == "matching_sockets_closed_total"]) == MOST_VALUES + 1
    assert len([name for name, _ in samples if name == "matching_requests_ended_total"]) == 1
    routes = {dict(labels)["route"] for name, labels in samples if name == "matching_http_requests_total"}
    assert len(routes) == MOST_VALUES + 1
    methods = {dict(labels)["method"] for name, labels in samples if name == "matching_http_requests_total"}
    assert methods == {"other"}


async def test_the_tasks_of_the_event_loop_are_counted_when_somebody_looks(metrics: Metrics) -> None:
    metrics.watch_tasks(asyncio.get_running_loop())
    before = value(metrics, "asyncio_tasks")
    assert before == len(asyncio.all_tasks())
    waiting = [asyncio.create_task(asyncio.Event().wait()) for _ in range(3)]
    assert value(metrics, "asyncio_tasks") == before + 3
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_prometheus_gets_openmetrics_when_it_asks_for_it(metrics: Metrics) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    metrics.published(1)

    body, content_type = metrics.exposition(accept)

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in read_openmetrics(body.decode())}  # type: ignore[no-untyped-call]  # theirs
    assert "matching_events_published" in names


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain; version=nonsense", "application/json", ",;=,"])
def test_everyone_else_gets_text(metrics: Metrics, accept: str) -> None:
    body, content_type = metrics.exposition(accept)

    assert content_type.startswith("text/plain")
    assert b"matching_build_info" in body


def test_a_strange_version_of_openmetrics_does_no_harm(metrics: Metrics) -> None:
    assert metrics.exposition("application/openmetrics-text; version=nonsense")[0].endswith(b"# EOF\n")


def test_every_metric_is_ours_or_says_what_the_process_does(metrics: Metrics) -> None:
    names = {name for name, _ in scrape(metrics)}

    assert all(name.startswith(("matching_", "process_", "python_gc_")) for name in names)
