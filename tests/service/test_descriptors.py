"""How many connections fit into the files that a process may open."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from service.descriptors import NEIGHBOURS, OWN, room_for_connections
from service.settings import Settings, load_settings

POOL = 10
RESERVED = OWN + NEIGHBOURS + POOL


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """Puts the soft limit back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def settings(most: int) -> Settings:
    urls = {"database_url": "postgresql://localhost/x", "redis_url": "redis://localhost"}
    return load_settings(max_connections=most, postgres_pool_size=POOL, **urls)


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def lower(limit: int) -> int:
    """Set the soft limit; what it may be raised to."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return hard


def test_a_limit_that_may_be_raised_is_raised_as_far_as_needed() -> None:
    lower(1024)
    assert room_for_connections(settings(1_000)) == 1_000
    assert soft() == 1_000 + RESERVED


def test_a_limit_that_is_high_enough_stays() -> None:
    lower(2_000)
    assert room_for_connections(settings(500)) == 500
    assert soft() == 2_000


def test_where_the_system_allows_fewer_files_there_are_fewer_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_what: int, _limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    lower(256)
    with monkeypatch.context() as patch:
        patch.setattr(resource, "setrlimit", refuse)
        assert room_for_connections(settings(25_000)) == 256 - RESERVED


def test_there_is_room_for_one_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert room_for_connections(settings(25_000)) == 1
