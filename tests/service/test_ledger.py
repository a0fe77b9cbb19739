"""What is counted later is all there when somebody looks, in its order, and never piles up."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge
from structlog.testing import capture_logs

from service.ledger import MOST_ENTRIES, Ledger


def test_what_is_collected_after_it_is_complete() -> None:
    registry = CollectorRegistry()
    ledger = Ledger()
    registry.register(ledger)
    counter, gauge = Counter("calls", "Calls.", registry=registry), Gauge("last", "The last.", registry=registry)
    for number in range(3):
        ledger.note(counter.inc)
        ledger.note(gauge.set, number)
    assert registry.get_sample_value("calls_total") == 3
    assert registry.get_sample_value("last") == 2
    ledger.note(counter.inc, 2)
    assert registry.get_sample_value("calls_total") == 5


def test_many_entries_do_not_wait_for_somebody_who_looks() -> None:
    ledger, counted = Ledger(), list[int]()
    for number in range(MOST_ENTRIES):
        assert counted == []
        ledger.note(counted.append, number)
    assert counted == list(range(MOST_ENTRIES))


def test_what_cannot_be_counted_spoils_nothing_else() -> None:
    registry, ledger = CollectorRegistry(), Ledger()
    registry.register(ledger)
    counter = Counter("calls", "Calls.", registry=registry)
    ledger.note(counter.inc)
    ledger.note(counter.inc, -1)  # the library refuses
    ledger.note(counter.inc)
    with capture_logs() as lines:
        assert registry.get_sample_value("calls_total") == 2
    assert [line["action"] for line in lines] == ["not_counted"]
